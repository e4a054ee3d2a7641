// How long people wait in a call: measured inside real browsers, from the act to
// the first sound and picture, as their own statistics say it.
import type { CarillonApi } from '@carillon/client';
import type { Person, World } from '@carillon/e2e';
import type { Row } from './report.ts';
import { median } from './statistics.ts';

const ROUNDS = 5;
const SHARE_SECONDS = 10;

export interface Page {
  readonly carillon: CarillonApi;
}

/** Runs in the page: starts a call and resolves with the wait, in milliseconds, until the other's device rings. */
export function startAndRing({ handle, video }: { handle: string; video: boolean }): Promise<number> {
  const { carillon } = globalThis as unknown as Page;
  return carillon.startConversation(handle).then(async (conversation) => {
    const began = performance.now();
    const ringing = new Promise<number>((resolve) => {
      const stop = carillon.on('call', (call) => {
        if (!call.others.some((other) => other.state === 'ringing')) return;
        stop();
        resolve(performance.now() - began);
      });
    });
    await carillon.calls.start([conversation.with.accountId], { video });
    return ringing;
  });
}

/** Runs in the page: accepts what rings and resolves with the waits until sound and picture. */
async function acceptAndWatch(): Promise<{ audioMs: number; videoMs: number }> {
  const { carillon } = globalThis as unknown as Page;
  while (!carillon.calls.current) await new Promise((resolve) => setTimeout(resolve, 5));
  const { callId } = carillon.calls.current;
  const began = performance.now();
  const accepted = carillon.calls.accept(callId, { video: true });
  let audioMs = Number.NaN;
  let videoMs = Number.NaN;
  while (Number.isNaN(audioMs) || Number.isNaN(videoMs)) {
    const entries = (await carillon.calls.stats()).filter((entry) => entry.type === 'inbound-rtp');
    const now = performance.now() - began;
    if (Number.isNaN(audioMs) && entries.some((entry) => entry.kind === 'audio' && Number(entry.packetsReceived) > 0))
      audioMs = now;
    if (Number.isNaN(videoMs) && entries.some((entry) => Number(entry.framesDecoded) > 0)) videoMs = now;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (now > 30_000) throw new Error(`no media after 30 s: ${JSON.stringify(entries)}`);
  }
  await accepted;
  return { audioMs, videoMs };
}

async function hangUp(person: Person): Promise<void> {
  await person.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as Page;
    const { current } = carillon.calls;
    if (current) await carillon.calls.hangUp(current.callId);
  });
}

const gone = (person: Person) =>
  person.page.waitForFunction(() => (globalThis as unknown as Page).carillon.calls.current === undefined);

export async function measureCalls(world: World, say: (words: string) => void): Promise<Row[]> {
  const [ana, bob, eva] = await Promise.all(['ana', 'bob', 'eva'].map((handle) => world.person(handle)));
  for (const person of [ana!, bob!, eva!]) await person.signUp();
  const ringing: number[] = [];
  const audio: number[] = [];
  const video: number[] = [];
  const join: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    say(`calls: round ${round + 1} of ${ROUNDS}`);
    ringing.push(await ana!.page.evaluate(startAndRing, { handle: 'bob', video: true }));
    const waits = await bob!.page.evaluate(acceptAndWatch);
    audio.push(waits.audioMs);
    video.push(waits.videoMs);
    await ana!.page.evaluate(async () => {
      const { carillon } = globalThis as unknown as Page;
      const conversation = await carillon.startConversation('eva');
      await carillon.calls.invite(carillon.calls.current!.callId, [conversation.with.accountId]);
    });
    join.push((await eva!.page.evaluate(acceptAndWatch)).videoMs);
    if (round < ROUNDS - 1) await leave([ana!, bob!, eva!]);
  }
  say(`group call: processor shares over ${SHARE_SECONDS} s`);
  const share = await processorShare(world);
  await leave([ana!, bob!, eva!]);
  const how = `median of ${ROUNDS} calls between headless Chromiums on this machine`;
  return [
    { what: 'invite to ringing', value: median(ringing), unit: 'ms', how },
    { what: 'accept to first audio', value: median(audio), unit: 'ms', how },
    { what: 'accept to first video frame', value: median(video), unit: 'ms', how },
    { what: 'join to first frame in a group of three', value: median(join), unit: 'ms', how },
    {
      what: 'processor of our sfu process in that group',
      value: share.processMs,
      unit: 'ms/s',
      beside: { what: 'its mediasoup worker', value: share.workerMs },
      how: `over ${SHARE_SECONDS} s, three senders of sound and simulcast video`,
    },
  ];
}

async function leave(people: readonly Person[]): Promise<void> {
  for (const person of people) await hangUp(person);
  await Promise.all(people.map(gone));
}

/** Milliseconds of processor a second. */
async function processorShare(world: World): Promise<{ processMs: number; workerMs: number }> {
  const read = async () =>
    (await (await fetch(`${world.system.services.sfu.url}/sfu/stats`)).json()) as {
      processCpuMs: number;
      workers: { cpuMs: number }[];
    };
  const workers = (stats: Awaited<ReturnType<typeof read>>) => stats.workers.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, SHARE_SECONDS * 1000));
  const after = await read();
  return {
    processMs: (after.processCpuMs - before.processCpuMs) / SHARE_SECONDS,
    workerMs: (workers(after) - workers(before)) / SHARE_SECONDS,
  };
}
