// Consumers in processes of their own, killed at random moments: between them
// they must do the work of every event.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const CONSUMER = path.join(import.meta.dirname, 'consumerProcess.ts');
const SEED = Number(process.env.SEED ?? 7);

export async function killedConsumers(log: { engine: string; where: string; events: number }): Promise<void> {
  let random = SEED;
  const next = (below: number) => {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
    return random % below;
  };
  const seen = new Set<number>();
  let repeated = 0;
  for (let life = 0; seen.size < log.events; life++) {
    assert.ok(life < 50, `seed ${SEED}: ${log.events - seen.size} events were never seen`);
    const child = fork(CONSUMER, [log.engine, log.where], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    const dies = life < 4 ? 20 + next(60) : Number.POSITIVE_INFINITY;
    repeated += await live(child, seen, dies, log.events);
  }
  assert.ok(repeated > 0, `seed ${SEED}: a kill before the commit brings events again`);
}

/** Kills it once it has done the work of `dies` events, or all is done. Returns how many it did that were done before. */
async function live(child: ChildProcess, seen: Set<number>, dies: number, events: number): Promise<number> {
  let works = 0;
  let repeated = 0;
  const exited = once(child, 'exit');
  child.on('message', (count: number) => {
    works += 1;
    if (seen.has(count)) repeated += 1;
    seen.add(count);
    if (works >= dies || seen.size === events) child.kill('SIGKILL');
  });
  await exited;
  return repeated;
}
