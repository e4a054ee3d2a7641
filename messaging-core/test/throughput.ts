// Sealed sends per second: 50 senders, each waiting for one reply before its
// next send, to 10 recipients who are away; every reply means stored durably.
// Run alone: node test/throughput.ts [--seconds 3]. The server is a process of
// its own; the senders share this one, so the figure is a lower bound.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseArgs } from 'node:util';
import { startProcess } from './serviceProcess.ts';
import { TestDevice } from './testDevice.ts';
import type { TestSocket } from './testSocket.ts';

const SENDERS = 50;
const RECIPIENTS = 10;
const CIPHERTEXT = new Uint8Array(1024).fill(7);

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log('Usage: node test/throughput.ts [--seconds 3]');
  process.exit(0);
}
const dataDir = await mkdtemp(path.join(tmpdir(), 'carillon-throughput-'));
const endings: (() => unknown)[] = [];
// startProcess needs nothing of a test but its end.
const server = await startProcess(
  { after: (end: () => unknown) => endings.push(end) } as unknown as TestContext,
  dataDir,
);
try {
  const handles = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  const recipients: TestDevice[] = [];
  for (const handle of handles(RECIPIENTS, 'recipient')) recipients.push(await TestDevice.register(server, handle));
  const senders: TestSocket[] = [];
  for (const handle of handles(SENDERS, 'sender'))
    senders.push(await (await TestDevice.register(server, handle)).connect());
  const latenciesMs: number[] = [];
  const until = performance.now() + Number(values.seconds) * 1000;
  const startedAtMs = performance.now();
  await Promise.all(
    senders.map(async (sender, index) => {
      const to = recipients[index % RECIPIENTS]!.address;
      while (performance.now() < until) {
        const sentAtMs = performance.now();
        await sender.send(to, { ciphertext: CIPHERTEXT });
        latenciesMs.push(performance.now() - sentAtMs);
      }
    }),
  );
  const seconds = (performance.now() - startedAtMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)]!.toFixed(1);
  console.log(
    `${Math.round(latenciesMs.length / seconds)} durable sends/s of ${CIPHERTEXT.length} bytes, ` +
      `${SENDERS} senders; reply after ${at(0.5)} ms (median), ${at(0.99)} ms (99 %)`,
  );
} finally {
  for (const end of endings) await end();
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(0);
