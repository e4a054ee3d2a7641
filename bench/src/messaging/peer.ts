// What every messaging server that is measured looks like to the load: pairs of
// clients, one sending to the other, both with acknowledgements.
import { readFileSync } from 'node:fs';

/** Linux counts CPU time in these, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export interface Client {
  /** A message to the partner; `mark` comes out there again. */
  send(mark: number): void;
  /** The server took it: durably where the server knows such a thing. */
  onAccepted: () => void;
  /** It arrived here; the client has acknowledged it, or will with the next few. */
  onDelivered: (mark: number) => void;
  close(): void;
}

export interface MessagingPeer {
  readonly name: string;
  /** Signed in and partnered: [0] with [1], [2] with [3], and so on. */
  connect(count: number): Promise<Client[]>;
  /** So many more that need nothing but their connection any more; each call opens some of them. */
  prepare(count: number): Promise<(some: number) => Promise<Client[]>>;
  /** CPU seconds used so far by the server and all that it needs, in user and kernel mode. */
  cpuSeconds(): number;
  /** Resident memory of the same. */
  memoryBytes(): number;
  stop(): Promise<void>;
}

export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function memoryBytesOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}
