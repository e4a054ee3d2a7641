// What must hold, whatever happens. The first breach ends the world.
import type { Notice } from '@carillon/client/calls';
import { addressKey, type CallId, LIMITS } from '@carillon/protocol';
import type { LiveCall, Relay, StoredCall } from '@carillon/signaling/parts';
import type { SharedStore } from './sharedStore.ts';
import type { SimDevice } from './simDevice.ts';

/** After the ring's own end: the device's grace, and for the store the time until another node sees to a dead one's deadline. */
const DEVICE_GRACE_MS = 6_000;
const STORE_GRACE_MS = 20_000;

export class Breach extends Error {
  override readonly name = 'Breach';
}

function must(holds: boolean, words: string): asserts holds {
  if (!holds) throw new Breach(words);
}

/** Every change of a call, as it is swapped in. */
export function checkChange(callId: CallId, before: StoredCall | undefined, after: StoredCall): void {
  const [was, is] = [before?.call, after.call];
  must(after.version === (before?.version ?? 0) + 1, `${callId}: a version is left out`);
  if (is.phase !== 'live') return;
  must(was?.phase !== 'ended', `${callId}: an ended call lives again`);
  const numbers = is.participants.map(({ number }) => number).filter(Boolean);
  must(new Set(numbers).size === numbers.length, `${callId}: two have one number`);
  if (was?.phase !== 'live') return;
  const grows = JSON.stringify(seen(was)) !== JSON.stringify(seen(is));
  must(is.revision === was.revision + (grows ? 1 : 0), `${callId}: revision ${was.revision} became ${is.revision}`);
  for (const p of is.participants) {
    const earlier = was.participants.find(({ accountId }) => accountId === p.accountId);
    if (earlier?.state !== 'joined' || p.state !== 'joined') continue;
    must(earlier.deviceId === p.deviceId && earlier.number === p.number, `${callId}: two winners of ${p.accountId}`);
  }
}

function seen({ mode, participants }: LiveCall) {
  return participants.map((p) => [
    ...[mode, p.accountId, p.state, p.deviceId, p.number],
    ...(p.state === 'joined' ? [p.video, p.held] : []),
  ]);
}

/** Every frame that is relayed, when it is. */
export function checkRelay(store: SharedStore, { call: { callId }, from, to }: Relay): void {
  const call = store.table.read(callId)?.call;
  must(call?.phase === 'live', `${callId}: relayed in a call that is over`);
  const sender = call.participants.find(({ accountId }) => accountId === from.accountId);
  const receiver = call.participants.find(({ accountId }) => accountId === to.accountId);
  const mayTalk =
    (sender?.state === 'joined' && sender.deviceId === from.deviceId) ||
    (sender?.state === 'ringing' && sender.devices.includes(from.deviceId));
  const mayListen =
    receiver?.state === 'invited' ||
    receiver?.state === 'ringing' ||
    (receiver?.state === 'joined' && receiver.deviceId === to.deviceId);
  must(mayTalk && mayListen && from.accountId !== to.accountId, `${callId}: relayed to who is not entitled`);
}

/** Now and then. */
export function checkRinging(store: SharedStore, devices: readonly SimDevice[], nowMs: number): void {
  for (const device of devices) {
    for (const { view, sinceMs } of device.calls) {
      const isLate = view.phase === 'ringing-in' && nowMs - sinceMs > LIMITS.ringMs + DEVICE_GRACE_MS;
      must(!isLate, `${view.callId}: ${addressKey(device.address)} rings past its bound`);
    }
  }
  for (const { call } of store.table.all()) {
    for (const p of call.phase === 'live' ? call.participants : []) {
      const isLate = (p.state === 'invited' || p.state === 'ringing') && nowMs > p.ringsUntilMs + STORE_GRACE_MS;
      must(!isLate, `${call.callId}: ${p.accountId} is asked past the bound`);
    }
  }
}

/** When nothing has happened for long: everybody agrees who is in which call. */
export function checkQuiet(store: SharedStore, devices: readonly SimDevice[]): void {
  const byKey = new Map(devices.map((device) => [addressKey(device.address), device]));
  const inCalls = new Map<string, Set<CallId>>();
  for (const { call } of store.table.all()) {
    if (call.phase !== 'live') continue;
    const joined = call.participants.filter((p) => p.state === 'joined');
    must(joined.length >= 2, `${call.callId}: one is left in a call`);
    for (const { accountId, deviceId, held, video } of joined) {
      const key = `${accountId}.${deviceId}`;
      const device = byKey.get(key);
      must(device?.isAlive === true, `${call.callId}: ${key} is gone, and still in`);
      const own = device.of(call.callId)?.view;
      must(own?.phase === 'active', `${call.callId}: ${key} is in, and thinks it is ${own?.phase ?? 'over'}`);
      const agrees = own.held === held && own.local.cameraOn === video;
      must(agrees, `${call.callId}: ${key} is shown as it is not: held ${held}, video ${video}`);
      inCalls.set(key, (inCalls.get(key) ?? new Set()).add(call.callId));
    }
  }
  for (const device of devices) {
    const key = addressKey(device.address);
    for (const { view } of device.calls) {
      const isIn = inCalls.get(key)?.has(view.callId) === true;
      must(isIn, `${view.callId}: ${key} thinks it is ${view.phase}, and is not in`);
    }
  }
}

/** What a device tells its person that no honest device or server ever gives reason for. */
export function checkNotice({ address }: SimDevice, { code, words }: Notice): void {
  // A room that is not reached while two talk on is no fault of theirs.
  const isBlamed = code === 'media-tampered' || (code === 'call-failed' && !words.startsWith('Others cannot join'));
  must(!isBlamed, `${addressKey(address)} is told: ${words}`);
}
