// What a process has in its memory (Linux, proc(5)): for asserting what a server
// does not know, not even for the moment.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const CHUNK_BYTES = 4 << 20;

/** Which of the needles the process can write to anywhere in its memory; it should be stopped (SIGSTOP) meanwhile. */
export function heldInMemory(pid: number, needles: readonly Buffer[]): Buffer[] {
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  const found = new Set<Buffer>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { start, end } of writableRegions(pid)) {
      for (let at = start; at < end; at += BigInt(CHUNK_BYTES)) {
        const length = Math.min(chunk.length, Number(end - at));
        const bytes = chunk.subarray(0, readSync(memory, chunk, 0, length, at));
        for (const needle of needles) if (bytes.includes(needle)) found.add(needle);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}

/** Data lie there; code and files that are only read do not change by what a service hears. */
function writableRegions(pid: number): { readonly start: bigint; readonly end: bigint }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => /^[0-9a-f]+-[0-9a-f]+ rw/.test(line) && !/\[v(var|syscall)/.test(line))
    .map((line) => {
      const [start, end] = line.split(' ', 1)[0]!.split('-');
      return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) };
    });
}
