import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PushOutcome } from '../../src/push/core/pushSender.ts';
import { backoffMs, retryAfterMs } from '../../src/push/core/retryAfter.ts';
import { choosePushTarget } from '../../src/push/core/targets.ts';
import {
  isForgettable,
  RESTING,
  stepWake,
  WAKE_RULES,
  type WakeEffect,
  type WakeEvent,
  type WakeState,
} from '../../src/push/core/wake.ts';

const target = (service: 'apns' | 'apns-voip' | 'fcm' | 'web') => ({
  service,
  token: service,
  p256dh: undefined,
  auth: undefined,
});
const IPHONE = [target('apns'), target('apns-voip')];
const ACCEPTED: PushOutcome = { type: 'accepted' };
const DAY_MS = 24 * 3600_000;

/** A device, and what its wake-up asks for. */
class Sleeper {
  state: WakeState = RESTING;
  nowMs = 1_000_000;
  effects: WakeEffect[] = [];

  step(event: WakeEvent): WakeEffect[] {
    const { state, effects } = stepWake(this.state, event, this.nowMs, WAKE_RULES);
    this.state = state;
    this.effects.push(...effects);
    return [...effects];
  }

  wish(urgent: boolean, forMs = urgent ? 60_000 : DAY_MS) {
    return this.step({ type: 'wished', wish: { urgent, expiresAtMs: this.nowMs + forMs, atMs: this.nowMs } });
  }

  checked(over: Partial<Extract<WakeEvent, { type: 'checked' }>> = {}) {
    return this.step({
      type: 'checked',
      connected: false,
      urgentWaits: true,
      ordinaryWaits: true,
      targets: IPHONE,
      ...over,
    });
  }

  answered(outcome: PushOutcome, random = 0.5) {
    return this.step({ type: 'answered', outcome, random });
  }

  /** To the moment the timer was set for. */
  tick() {
    if (this.state.phase === 'delayed') this.nowMs = this.state.atMs;
    return this.step({ type: 'tick' });
  }
}

const pushes = (effects: readonly WakeEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'push' ? [effect] : []));
const ends = (effects: readonly WakeEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'end' ? [effect.end] : []));

test('[PUSH-1] a call is looked into at once, and pushed once by VoIP', () => {
  const device = new Sleeper();
  assert.deepEqual(device.wish(true), [{ type: 'check' }]);
  const [push] = pushes(device.checked());
  assert.equal(push!.target.service, 'apns-voip');
  assert.equal(push!.wake.urgent, true);
  assert.deepEqual(device.wish(true), [], 'a second envelope of the call, queued before the push');
  device.answered(ACCEPTED);
  assert.deepEqual(device.wish(true), [], 'and one that is heard of after it');
  assert.deepEqual(device.wish(false), [], 'as are messages: the device comes and fetches all');
  assert.equal(device.state.phase, 'resting');
  assert.equal(pushes(device.effects).length, 1);
});

test('[PUSH-1] another call after the push is another push, unless the device has come by then', () => {
  for (const connected of [true, false]) {
    const device = new Sleeper();
    device.wish(true);
    device.checked();
    const pushedAtMs = device.nowMs;
    device.nowMs += 100;
    device.wish(true);
    device.answered(ACCEPTED);
    device.tick();
    assert.equal(device.nowMs, pushedAtMs + WAKE_RULES.urgentEveryMs);
    device.checked({ connected });
    assert.equal(pushes(device.effects).length, connected ? 1 : 2);
  }
});

test('[PUSH-1] what another node has pushed meanwhile serves for what was queued before it', () => {
  const device = new Sleeper();
  device.wish(true);
  device.nowMs += 50;
  device.checked();
  assert.deepEqual(ends(device.step({ type: 'pushed-elsewhere', atMs: device.nowMs - 10 })), ['unneeded']);
  const newer = new Sleeper();
  const elsewhereAtMs = newer.nowMs - 1_000;
  newer.wish(true);
  newer.checked();
  newer.step({ type: 'pushed-elsewhere', atMs: elsewhereAtMs });
  newer.tick();
  assert.equal(newer.nowMs, elsewhereAtMs + WAKE_RULES.urgentEveryMs);
  assert.equal(pushes(newer.checked()).length, 1);
});

test('[PUSH-2] messages wake once in a while, and only a device that is away while something waits', () => {
  const device = new Sleeper();
  device.wish(false);
  for (let n = 0; n < 20; n++) device.wish(false);
  assert.deepEqual(device.effects, [{ type: 'timer', atMs: device.nowMs + WAKE_RULES.ordinaryDelayMs }]);
  device.tick();
  assert.equal(pushes(device.checked())[0]!.target.service, 'apns');
  device.answered(ACCEPTED);
  const wokenAtMs = device.nowMs;
  device.nowMs += 5_000;
  device.wish(false);
  device.tick();
  assert.equal(device.nowMs, wokenAtMs + WAKE_RULES.ordinaryEveryMs);
  assert.deepEqual(ends(device.checked({ urgentWaits: false, ordinaryWaits: false })), ['unneeded']);
  device.wish(false);
  device.tick();
  assert.deepEqual(ends(device.checked({ connected: true })), ['unneeded']);
  assert.equal(pushes(device.effects).length, 1);
});

test('[PUSH-2] a call does not wait for the turn of a message, nor behind the retry of one', () => {
  const device = new Sleeper();
  device.wish(false);
  assert.deepEqual(device.wish(true), [{ type: 'check' }]);
  assert.equal(pushes(device.checked())[0]!.target.service, 'apns-voip');
  device.answered(ACCEPTED);
  const retrying = new Sleeper();
  retrying.wish(false);
  retrying.tick();
  retrying.checked();
  retrying.answered({ type: 'try-again', retryAfterMs: 600_000, service: true });
  assert.deepEqual(retrying.wish(true), [{ type: 'check' }]);
});

test('[PUSH-3] one target wakes a device; messages never take VoIP', () => {
  const all = [target('web'), target('fcm'), ...IPHONE];
  assert.equal(choosePushTarget(all, true, [])!.service, 'apns-voip');
  assert.equal(choosePushTarget(all, false, [])!.service, 'apns');
  assert.equal(choosePushTarget([target('apns-voip')], false, []), undefined);
  assert.equal(choosePushTarget(all, true, ['apns-voip', 'fcm'])!.service, 'web');
});

test('[PUSH-5] a token that is gone is dropped, and another target is tried', () => {
  const device = new Sleeper();
  device.wish(true);
  device.checked({ targets: [target('apns-voip'), target('web')] });
  const effects = device.answered({ type: 'token-gone' });
  assert.deepEqual(effects, [{ type: 'drop-token', target: target('apns-voip') }, { type: 'check' }]);
  assert.equal(pushes(device.checked({ targets: [target('apns-voip'), target('web')] }))[0]!.target.service, 'web');
  device.answered({ type: 'token-gone' });
  assert.deepEqual(ends(device.checked({ targets: [target('web')] })), ['no-target']);
});

test('[PUSH-6] what a service does not take is repeated later and later, a bounded number of times', () => {
  const device = new Sleeper();
  device.wish(false);
  device.tick();
  const waits: number[] = [];
  for (;;) {
    device.checked();
    const beforeMs = device.nowMs;
    device.answered({ type: 'try-again', retryAfterMs: undefined, service: false }, 0);
    if (ends(device.effects).length > 0) break;
    device.tick();
    waits.push(device.nowMs - beforeMs);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000]);
  assert.deepEqual(ends(device.effects), ['gave-up']);
  assert.equal(pushes(device.effects).length, WAKE_RULES.attemptsMax);
});

test('[PUSH-6] a wished pause is kept, in seconds or as a date; jitter stays within its bounds', () => {
  const device = new Sleeper();
  device.wish(false);
  device.tick();
  device.checked();
  const beforeMs = device.nowMs;
  device.answered({ type: 'try-again', retryAfterMs: 300_000, service: true });
  device.tick();
  assert.equal(device.nowMs - beforeMs, 300_000);
  device.checked();
  assert.deepEqual(ends(device.answered({ type: 'try-again', retryAfterMs: DAY_MS, service: true })), ['gave-up']);

  assert.equal(retryAfterMs('120', 0), 120_000);
  assert.equal(retryAfterMs('Wed, 21 Oct 2015 07:28:00 GMT', Date.UTC(2015, 9, 21, 7, 27)), 60_000);
  assert.equal(retryAfterMs('Wed, 21 Oct 2015 07:28:00 GMT', Date.UTC(2016, 0)), 0);
  for (const bad of [undefined, '', '-5', 'soon', '1.5', '99999999999']) assert.equal(retryAfterMs(bad, 0), undefined);
  fc.assert(
    fc.property(fc.nat(40), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (repeat, random) => {
      const ms = backoffMs(repeat, random, { firstMs: 100, maxMs: 5_000 });
      const ceilingMs = Math.min(100 * 2 ** repeat, 5_000);
      assert.ok(ms >= ceilingMs / 2 && ms <= ceilingMs);
    }),
  );
});

test('[PUSH-7] a call is not pushed past the end of its ring', () => {
  const late = new Sleeper();
  late.wish(true, 10_000);
  late.checked();
  assert.deepEqual(ends(late.answered({ type: 'try-again', retryAfterMs: 10_000, service: true })), ['expired']);
  const slow = new Sleeper();
  slow.wish(true, 5_000);
  slow.nowMs += 6_000;
  assert.deepEqual(pushes(slow.checked({ ordinaryWaits: false })), []);
  const missed = new Sleeper();
  missed.wish(true, 5_000);
  missed.nowMs += 6_000;
  missed.checked();
  missed.tick();
  assert.equal(pushes(missed.checked())[0]!.wake.urgent, false, 'what else waits has its ordinary turn');
});

test('[PUSH-18] however many calls come, a device is woken urgently a bounded number of times', () => {
  const device = new Sleeper();
  const untilMs = device.nowMs + WAKE_RULES.urgentWindowMs;
  let wishes = 0;
  while (device.nowMs < untilMs) {
    device.wish(true);
    wishes += 1;
    if (device.state.phase === 'delayed') device.tick();
    device.checked();
    device.answered(ACCEPTED);
    device.nowMs += 500;
  }
  assert.ok(wishes > WAKE_RULES.urgentMax);
  assert.equal(pushes(device.effects).filter(({ wake }) => wake.urgent).length, WAKE_RULES.urgentMax);
});

test('[PUSH-2] whatever happens in whichever order, ordinary wake-ups keep their distance and none is forgotten', () => {
  const outcome: fc.Arbitrary<PushOutcome> = fc.oneof(
    fc.constant(ACCEPTED),
    fc.constant<PushOutcome>({ type: 'token-gone' }),
    fc.constant<PushOutcome>({ type: 'refused', reason: '400' }),
    fc.record({
      type: fc.constant('try-again' as const),
      retryAfterMs: fc.option(fc.nat(200_000), { nil: undefined }),
      service: fc.boolean(),
    }),
  );
  const action = fc.oneof(
    fc.record({ do: fc.constant('wish' as const), urgent: fc.boolean() }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(40_000) }),
    fc.record({ do: fc.constant('answer' as const), outcome, connected: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const device = new Sleeper();
      const first: number[] = [];
      for (const each of actions) {
        if (each.do === 'wish') device.wish(each.urgent);
        else if (each.do === 'pass') {
          device.nowMs += each.ms;
          device.step({ type: 'tick' });
        } else if (device.state.phase === 'checking') {
          const { repeat, tried } = device.state;
          const [push] = pushes(device.checked({ connected: each.connected }));
          if (push && !push.wake.urgent && repeat === 0 && tried.length === 0) first.push(device.nowMs);
          if (push?.wake.urgent) assert.ok(push.wake.expiresAtMs > device.nowMs);
        } else device.answered(each.outcome);
      }
      for (const [index, atMs] of first.entries())
        assert.ok(index === 0 || atMs - first[index - 1]! >= WAKE_RULES.ordinaryEveryMs);
      // Left alone, it comes to rest: nothing hangs.
      for (let n = 0; n < 40 && device.state.phase !== 'resting'; n++) {
        if (device.state.phase === 'delayed') device.tick();
        device.checked();
        device.answered(ACCEPTED);
      }
      assert.equal(device.state.phase, 'resting');
      device.nowMs += DAY_MS;
      assert.ok(isForgettable(device.state, device.nowMs, WAKE_RULES));
    }),
  );
});

test('events out of place change nothing', () => {
  const wish = { urgent: false, expiresAtMs: 5, atMs: 0 };
  for (const event of [
    { type: 'checked', connected: false, urgentWaits: true, ordinaryWaits: true, targets: IPHONE },
    { type: 'answered', outcome: ACCEPTED, random: 0 },
    { type: 'tick' },
  ] as const)
    assert.deepEqual(stepWake(RESTING, event, 0, WAKE_RULES), { state: RESTING, effects: [] });
  const delayed = stepWake(RESTING, { type: 'wished', wish }, 0, WAKE_RULES).state;
  assert.equal(stepWake(delayed, { type: 'tick' }, 0, WAKE_RULES).state, delayed, 'a timer that is early');
});
