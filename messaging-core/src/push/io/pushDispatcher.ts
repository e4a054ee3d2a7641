// Carries out what the wake-up of each device decides. Waits, looks and pushes
// for many devices at once; one device's events come one at a time.
import { randomUUID } from 'node:crypto';
import { type Address, addressKey } from '@carillon/protocol';
import { type Log, loggable } from '@carillon/service';
import type { MessagingStore, PushServiceName, PushTarget } from '../../core/messagingStore.ts';
import type { ShortLived } from '../../core/shortLived.ts';
import type { Switchboard } from '../../core/switchboard.ts';
import type { PushOutcome, PushSender, Wake } from '../core/pushSender.ts';
import {
  isForgettable,
  RESTING,
  stepWake,
  WAKE_RULES,
  type WakeEffect,
  type WakeEnd,
  type WakeEvent,
  type WakeRules,
  type WakeState,
  type Wish,
} from '../core/wake.ts';

/**
 * An event is done with after so long even if its device has not been woken yet: the wake-up goes on in memory, and
 * only a kill within it would lose it. Longer keeps more events uncommitted while a push service is down.
 */
const HOLD_MS = 60_000;
const FORGET_EVERY_MS = 30_000;
/** setTimeout takes no more. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface PushDispatcherOptions {
  readonly senders: ReadonlyMap<PushServiceName, PushSender>;
  readonly store: Pick<MessagingStore, 'page' | 'pushTargets' | 'dropPushTarget'>;
  readonly switchboard: Pick<Switchboard, 'isConnected'>;
  /** Shared with the nodes that wake the same devices: they keep the pauses between pushes together. */
  readonly shortLived: Pick<ShortLived, 'getOrPut'>;
  readonly now: () => number;
  readonly log: Log;
  readonly rules?: WakeRules;
  /** For metrics. */
  readonly onPush?: (service: PushServiceName, outcome: PushOutcome['type']) => void;
  readonly onEnd?: (end: WakeEnd, urgent: boolean) => void;
}

interface Device {
  readonly address: Address;
  state: WakeState;
  timer: NodeJS.Timeout | undefined;
  /** Events whose wake-up is not over, and since when. */
  held: (() => void)[];
  heldSinceMs: number;
}

export class PushDispatcher {
  readonly #options: PushDispatcherOptions;
  readonly #rules: WakeRules;
  readonly #devices = new Map<string, Device>();
  /** Services that asked for a pause, and until when; of Web Push each origin is one. */
  readonly #pausedUntilMs = new Map<string, number>();
  readonly #forgetting: NodeJS.Timeout;
  #closed = false;

  constructor(options: PushDispatcherOptions) {
    this.#options = options;
    this.#rules = options.rules ?? WAKE_RULES;
    this.#forgetting = setInterval(() => this.#forget(), FORGET_EVERY_MS);
    this.#forgetting.unref();
  }

  /** Resolves when the device has been woken, or need not be, or it has taken too long to wait for. */
  wake({ accountId, deviceId }: Address, wish: Wish): Promise<void> {
    const nowMs = this.#options.now();
    if (this.#closed || wish.expiresAtMs <= nowMs) return Promise.resolve();
    const key = addressKey({ accountId, deviceId });
    const device = this.#devices.get(key) ?? newDevice({ accountId, deviceId });
    this.#devices.set(key, device);
    return new Promise((resolve) => {
      if (device.held.length === 0) device.heldSinceMs = nowMs;
      device.held.push(resolve);
      this.#step(device, { type: 'wished', wish });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#forgetting);
    // What is held stays uncommitted, and is looked at again after the next start.
    for (const { timer } of this.#devices.values()) clearTimeout(timer);
    await Promise.all([...new Set(this.#options.senders.values())].map((sender) => sender.close()));
  }

  #step(device: Device, event: WakeEvent): void {
    if (this.#closed) return;
    const { state, effects } = stepWake(device.state, event, this.#options.now(), this.#rules);
    device.state = state;
    for (const effect of effects) this.#run(device, effect);
    if (device.state.phase === 'resting') letGo(device);
  }

  #run(device: Device, effect: WakeEffect): void {
    const { now, onEnd, log } = this.#options;
    switch (effect.type) {
      case 'check':
        clearTimeout(device.timer);
        void this.#check(device);
        return;
      case 'push':
        void this.#push(device, effect);
        return;
      case 'drop-token':
        void this.#drop(device, effect.target);
        return;
      case 'timer': {
        clearTimeout(device.timer);
        const delayMs = Math.min(Math.max(0, effect.atMs - now()), TIMER_MS_MAX);
        device.timer = setTimeout(() => this.#step(device, { type: 'tick' }), delayMs);
        device.timer.unref();
        if (effect.atMs > device.heldSinceMs + HOLD_MS) letGo(device);
        return;
      }
      case 'end':
        onEnd?.(effect.end, effect.urgent);
        if (effect.end === 'gave-up') log.warn('push given up', { account: loggable(device.address.accountId) });
        return;
      default:
        effect satisfies never;
    }
  }

  async #check(device: Device): Promise<void> {
    const { store, switchboard, senders, now, log } = this.#options;
    const { address } = device;
    try {
      const look = { afterSeq: 0, limit: 1, nowMs: now() };
      const [connected, urgent, ordinary, targets] = await Promise.all([
        switchboard.isConnected(address),
        store.page(address, { ...look, urgent: true }),
        store.page(address, { ...look, urgent: false }),
        store.pushTargets(address),
      ]);
      this.#step(device, {
        type: 'checked',
        connected,
        urgentWaits: urgent.length > 0,
        ordinaryWaits: ordinary.length > 0,
        targets: targets.filter(({ service }) => senders.has(service)),
      });
    } catch (error) {
      // The next envelope for this device asks again.
      if (!this.#closed) log.warn('device not woken', { error: String(error) });
      this.#step(device, { type: 'checked', connected: true, urgentWaits: false, ordinaryWaits: false, targets: [] });
    }
  }

  async #push(device: Device, { target, wake, isFirst }: Extract<WakeEffect, { type: 'push' }>): Promise<void> {
    const { now, onPush, log } = this.#options;
    const elsewhereAtMs = isFirst ? await this.#claim(device.address, wake) : undefined;
    if (elsewhereAtMs !== undefined) {
      this.#step(device, { type: 'pushed-elsewhere', atMs: elsewhereAtMs });
      return;
    }
    const paused = pausedAs(target);
    const leftMs = (this.#pausedUntilMs.get(paused) ?? 0) - now();
    const outcome: PushOutcome =
      leftMs > 0
        ? { type: 'try-again', retryAfterMs: leftMs, service: false }
        : await this.#options.senders.get(target.service)!.send(target, wake);
    if (outcome.type === 'try-again' && outcome.service && outcome.retryAfterMs)
      this.#pausedUntilMs.set(paused, now() + Math.min(outcome.retryAfterMs, this.#rules.retryAfterMaxMs));
    if (outcome.type === 'refused') log.error('push refused', { service: target.service, reason: outcome.reason });
    onPush?.(target.service, outcome.type);
    this.#step(device, { type: 'answered', outcome, random: Math.random() });
  }

  /** When another node made a push of this kind not long ago; undefined when it is for this one to make. */
  async #claim(address: Address, { urgent }: Wake): Promise<number | undefined> {
    const { shortLived, now } = this.#options;
    const claim = `${now()} ${randomUUID()}`;
    const lifeMs = urgent ? this.#rules.urgentEveryMs : this.#rules.ordinaryEveryMs;
    try {
      const held = await shortLived.getOrPut('wake', `${addressKey(address)}.${urgent ? 1 : 0}`, claim, lifeMs);
      return held === claim ? undefined : Number(held.split(' ')[0]);
    } catch {
      // A push too many is better than none.
      return undefined;
    }
  }

  async #drop({ address }: Device, { service, token }: PushTarget): Promise<void> {
    const { store, log } = this.#options;
    try {
      await store.dropPushTarget(address, service, token);
    } catch (error) {
      log.warn('push token not dropped', { error: String(error) });
    }
  }

  #forget(): void {
    const nowMs = this.#options.now();
    for (const [key, { state }] of this.#devices)
      if (isForgettable(state, nowMs, this.#rules)) this.#devices.delete(key);
    for (const [key, untilMs] of this.#pausedUntilMs) if (untilMs <= nowMs) this.#pausedUntilMs.delete(key);
  }
}

/** One browser maker's push service that is down says nothing of another's. */
function pausedAs({ service, token }: PushTarget): string {
  return service === 'web' ? new URL(token).origin : service;
}

function newDevice(address: Address): Device {
  return { address, state: RESTING, timer: undefined, held: [], heldSinceMs: 0 };
}

function letGo(device: Device): void {
  for (const resolve of device.held.splice(0)) resolve();
}
