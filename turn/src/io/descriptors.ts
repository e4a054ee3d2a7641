import { readFileSync } from 'node:fs';

/** Where nothing tells; about what systems without /proc give a process at least, after Node has raised it. */
const UNKNOWN = 10_240;

/** How many descriptors this process may have: Node raises the soft limit to the hard one when it starts. */
export function descriptorsMax(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? UNKNOWN : Number(soft);
  } catch {
    return UNKNOWN;
  }
}
