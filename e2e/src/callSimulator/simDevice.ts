// A device: the real call machine, and around it what the SDK's runner does
// with its effects, over a socket, messages and media that are simulated.

import {
  type Call,
  type CallEffect,
  type CallEvent,
  deadlineOf,
  endReason,
  incomingCall,
  lostByGlare,
  outgoingCall,
  snapshotOf,
  step,
} from '@carillon/client/calls/core';
import { type AccountId, type Address, addressKey, type CallId, LIMITS } from '@carillon/protocol';
import type { CallEvent as Asked } from '@carillon/signaling/parts';
import type { Answer } from './simSocket.ts';
import { SimSocket } from './simSocket.ts';
import type { Invite, Message, Surroundings } from './surroundings.ts';

const GLARE_WAIT_MS = 15_000;
const UNKNOWN_AGAIN_MS = [100, 200, 400, 800, 1_600];

interface Running {
  call: Call;
  receivedSeq: bigint | undefined;
  timer: { clear(): void } | undefined;
  isClosed: boolean;
}

export class SimDevice {
  readonly address: Address;
  isAlive = true;
  readonly socket: SimSocket;
  readonly #around: Surroundings;
  readonly #calls = new Map<CallId, Running>();
  readonly #over = new Set<CallId>();
  #current: Running | undefined;
  #waiting: Running | undefined;
  #lastWords = 0;
  /** Our call lost by glare to one of this account's, whose invite is still to come. */
  #glare: AccountId | undefined;
  #glareRing: Running | undefined;

  constructor(address: Address, around: Surroundings) {
    this.address = address;
    this.#around = around;
    const { scheduler, chance } = around;
    this.socket = new SimSocket({
      ...{ self: address, scheduler, chance },
      node: () => around.node(),
      welcomed: (ask) => this.#attachAll(ask),
      pushed: (body) => this.#pushed(body),
      up: (up) => {
        for (const running of [...this.#calls.values()]) this.#dispatch(running, { type: 'socket', up });
      },
    });
  }

  get isFree(): boolean {
    return !this.#current && !this.#waiting;
  }

  get calls(): readonly Call[] {
    return [...this.#calls.values()].map(({ call }) => call);
  }

  phaseOf(callId: CallId): Call['phase'] | undefined {
    return this.#calls.get(callId)?.call.phase;
  }

  /** Gone for good, with everything it knew. */
  die(): void {
    this.isAlive = false;
    this.socket.breakNow();
    for (const running of this.#calls.values()) {
      this.#around.link(running.call.callId, this, undefined);
      running.timer?.clear();
    }
    this.#calls.clear();
  }

  async place(callId: CallId, callees: readonly AccountId[]): Promise<void> {
    if (!this.isAlive || !this.isFree) return;
    const group = callees.length > 1;
    const init = { callId, self: this.address, video: false, group };
    const running = this.#run(outgoingCall(init, callees, this.#around.scheduler.nowMs));
    this.#current = running;
    for (const to of callees) {
      const invite = { callId, from: this.address, video: false, group };
      this.#around.send(to, { type: 'invite', invite });
    }
    const answer = await this.socket.request(callId, {
      ...{ type: 'create', by: this.address, callId, callees, video: false, room: group },
    });
    if (answer.ok) {
      running.receivedSeq ??= 0n;
      this.#snapshot(running, answer);
    } else this.#dispatch(running, { type: 'refused', words: answer.code });
  }

  /** The person's part. */
  act(callId: CallId, event: Extract<CallEvent, { type: 'accept' | 'decline' | 'hang-up' | 'hold' }>): void {
    const running = this.#calls.get(callId);
    if (!running || !this.isAlive) return;
    if (event.type === 'accept' && running === this.#waiting && this.#current) {
      this.#dispatch(this.#current, { type: 'hang-up' });
    }
    this.#dispatch(running, event);
  }

  media(callId: CallId, event: Extract<CallEvent, { type: 'media-connected' | 'media-lost' }>): void {
    const running = this.#calls.get(callId);
    if (running && this.isAlive) this.#dispatch(running, event);
  }

  preconnected(callId: CallId): void {
    const running = this.#calls.get(callId);
    if (running && this.isAlive) this.#dispatch(running, { type: 'preconnected' });
  }

  receive(message: Message): void {
    if (!this.isAlive) return;
    if (message.type === 'invite') this.#invited(message.invite);
    else this.#logged(message);
  }

  #run(call: Call): Running {
    const running: Running = { call, receivedSeq: undefined, timer: undefined, isClosed: false };
    this.#calls.set(call.callId, running);
    this.socket.open();
    this.#arm(running);
    return running;
  }

  #dispatch(running: Running, event: CallEvent): void {
    if (running.isClosed || !this.isAlive) return;
    const before = running.call;
    const { call, effects } = step(before, event, this.#around.scheduler.nowMs);
    running.call = call;
    for (const effect of effects) this.#carryOut(running, effect);
    if (call === before) return;
    this.#arm(running);
    this.#around.saw(this, call);
    if (call.phase !== 'ended') return;
    this.#over.add(call.callId);
    if (running === this.#waiting) this.#waiting = undefined;
    if (running === this.#current) {
      this.#current = this.#waiting;
      this.#waiting = undefined;
      this.#showUnseen();
    }
  }

  /** Ours has ended by itself: theirs, which rang unseen beside it, is a ring like any other. */
  #showUnseen(): void {
    const running = this.#glareRing;
    this.#glareRing = undefined;
    if (running?.call.phase !== 'ringing-in' || (this.#current && this.#waiting)) return;
    if (this.#current) this.#waiting = running;
    else this.#current = running;
    this.#around.rings(this, running.call.callId);
  }

  #carryOut(running: Running, effect: CallEffect): void {
    const { call } = running;
    const { callId } = call;
    switch (effect.type) {
      case 'preconnect':
        this.#around.preconnect(callId, this, effect.device);
        return;
      case 'request-preconnect':
        void this.socket.request(callId, { type: 'preconnect', by: this.address });
        return;
      case 'request-accept':
        void this.#accept(running);
        return;
      case 'request-decline':
        this.#say(running, { type: effect.busy ? 'busy' : 'decline', by: this.address });
        return;
      case 'request-hang-up':
        if (call.forgotten) this.#tellOver(call);
        else {
          this.#say(running, { type: 'hang_up', by: this.address }, () => this.#tellOver(call));
        }
        return;
      case 'open-peer':
        this.#around.link(callId, this, effect.device);
        return;
      case 'open-room':
        this.#around.room(callId, this);
        return;
      case 'tell-missed':
        for (const to of effect.accounts) this.#log(to, callId, true);
        return;
      case 'close':
        this.#close(running);
        return;
      case 'request-update': {
        const { video, held } = effect;
        void this.socket.request(callId, { type: 'update', by: this.address, video, held }).then((answer) => {
          if (answer.ok && !running.isClosed) this.#snapshot(running, answer);
        });
        return;
      }
      case 'hold':
      case 'mute-peer':
      case 'close-peer':
      case 'room-members':
      case 'record':
        return;
      default:
        effect satisfies never;
    }
  }

  /** A last word; the socket waits for it. */
  #say({ call: { callId } }: Running, event: Asked, otherwise?: () => void): void {
    this.#lastWords += 1;
    void this.socket.request(callId, event).then((answer) => {
      this.#lastWords -= 1;
      if (!answer.ok) otherwise?.();
      this.#leaveWhenIdle();
    });
  }

  #leaveWhenIdle(): void {
    if (this.#calls.size === 0 && this.#lastWords === 0) this.socket.close();
  }

  async #accept(running: Running): Promise<void> {
    this.#lastWords += 1;
    const answer = await this.socket.request(running.call.callId, { type: 'accept', by: this.address });
    this.#lastWords -= 1;
    // Granted though it had been told meanwhile that it is over.
    if (answer.ok && running.isClosed) this.#say(running, { type: 'hang_up', by: this.address });
    else if (answer.ok) this.#snapshot(running, answer);
    else if (answer.code === 'answered-elsewhere') {
      this.#dispatch(running, { type: 'ended', reason: 'accepted-elsewhere', by: this.address.accountId });
    } else if (answer.code === 'call-unknown') {
      this.#dispatch(running, { type: 'ended', reason: 'cancelled', by: running.call.createdBy });
    } else this.#dispatch(running, { type: 'refused', words: answer.code });
    this.#leaveWhenIdle();
  }

  #tellOver(call: Call): void {
    for (const { accountId } of call.participants) {
      if (accountId !== this.address.accountId) this.#log(accountId, call.callId, false);
    }
  }

  #log(to: AccountId, callId: CallId, isMissed: boolean): void {
    this.#around.send(to, { type: 'log', from: this.address, callId, isMissed });
  }

  #logged({ from, callId, isMissed }: Extract<Message, { type: 'log' }>): void {
    const running = this.#calls.get(callId);
    if (!running?.call.participants.some(({ accountId }) => accountId === from.accountId)) return;
    const { call } = running;
    const isPeer = call.peer?.accountId === from.accountId && call.mode === 'peer';
    if (call.phase === 'ringing-in') this.#dispatch(running, { type: 'ended', reason: 'expired', by: from.accountId });
    else if (isPeer && !isMissed) {
      this.#say(running, { type: 'hang_up', by: this.address });
      this.#dispatch(running, { type: 'ended', reason: 'hung-up', by: from.accountId });
    }
  }

  #close(running: Running): void {
    running.isClosed = true;
    running.timer?.clear();
    const { call } = running;
    this.#around.link(call.callId, this, undefined);
    if (call.phase === 'ended' && lostByGlare(call, call.reason, call.by)) this.#handOver(call.by!);
    this.#calls.delete(call.callId);
    this.#leaveWhenIdle();
  }

  #arm(running: Running): void {
    running.timer?.clear();
    const atMs = deadlineOf(running.call);
    if (atMs === undefined || running.isClosed) return;
    const { scheduler } = this.#around;
    running.timer = scheduler.after(atMs - scheduler.nowMs + 1, () => this.#dispatch(running, { type: 'tick' }));
  }

  async #attachAll(ask: (callId: CallId, event: Asked) => Promise<Answer | 'lost'>): Promise<boolean> {
    for (const running of [...this.#calls.values()]) {
      const { receivedSeq, call } = running;
      if (receivedSeq === undefined) continue;
      const answer = await ask(call.callId, { type: 'attach', by: this.address, receivedSeq });
      if (answer === 'lost') return false;
      if (answer.ok) this.#snapshot(running, answer);
      else if (answer.code === 'call-unknown' || answer.code === 'call-not-yours') {
        this.#dispatch(running, { type: 'forgotten' });
      } else return false;
    }
    return true;
  }

  #snapshot(running: Running, answer: Extract<Answer, { ok: true }>): void {
    if (answer.body.case === 'state') this.#pushed(answer.body, running);
  }

  #pushed(body: Extract<Answer, { ok: true }>['body'], known?: Running): void {
    if (body.case === 'state') {
      const snapshot = snapshotOf(body.value as Parameters<typeof snapshotOf>[0]);
      const running = known ?? this.#calls.get(snapshot.callId);
      if (!running) return;
      running.receivedSeq ??= 0n;
      this.#dispatch(running, { type: 'snapshot', snapshot });
    } else if (body.case === 'ended') {
      const running = this.#calls.get(body.value.callId as CallId);
      const by = body.value.byAccountId ? (body.value.byAccountId as AccountId) : undefined;
      if (running) this.#dispatch(running, { type: 'ended', reason: endReason(body.value.reason!), by });
    } else if (body.case === 'relayed') {
      const running = this.#calls.get(body.value.callId as CallId);
      const { seq = 0n } = body.value;
      if (running && (running.receivedSeq === undefined || seq > running.receivedSeq)) running.receivedSeq = seq;
    }
  }

  #invited({ callId, from, video, group }: Invite): void {
    if (this.#over.has(callId) || this.#calls.has(callId)) return;
    const current = this.#current?.call;
    const peer = current?.mode === 'peer' ? current.peer : undefined;
    if (peer && addressKey(peer) === addressKey(from)) {
      this.#dispatch(this.#current!, { type: 'ended', reason: 'connection-lost', by: from.accountId });
    }
    const isGlare = this.#glare === from.accountId || this.#callsOut(from.accountId);
    if (this.#waiting) {
      this.#over.add(callId);
      void this.#askInvited(callId, { type: 'busy', by: this.address });
      return;
    }
    void this.#ring({ callId, from, video, group }, isGlare);
  }

  async #ring({ callId, from, video, group }: Invite, isGlare: boolean): Promise<void> {
    const { nowMs } = this.#around.scheduler;
    const init = { callId, self: this.address, video, group };
    const running = this.#run(incomingCall(init, from, nowMs + LIMITS.ringMs, nowMs));
    const answer = await this.#askInvited(callId, { type: 'ring', by: this.address }, () => !running.isClosed);
    if (!this.isAlive) return;
    if (!answer.ok) {
      this.#close(running);
      return;
    }
    this.#snapshot(running, answer);
    if (isGlare && this.#acceptByGlare(running, from.accountId)) return;
    if (running.call.phase === 'ended') return;
    if (this.#current && this.#waiting) {
      this.#dispatch(running, { type: 'decline', busy: true });
      return;
    }
    if (this.#current) this.#waiting = running;
    else this.#current = running;
    this.#around.rings(this, callId);
  }

  /** As the SDK's: an invite may overtake its call. */
  async #askInvited(callId: CallId, event: Asked, isWanted: () => boolean = () => true): Promise<Answer> {
    for (const waitMs of [...UNKNOWN_AGAIN_MS, undefined]) {
      const answer = await this.socket.request(callId, event);
      const isUnknown = !answer.ok && answer.code === 'call-unknown';
      if (!isUnknown || waitMs === undefined) return answer;
      await new Promise<void>((resolve) => this.#around.scheduler.after(waitMs, resolve));
      if (!this.isAlive || !isWanted()) return answer;
    }
    throw new Error('not reached: the last wait is none');
  }

  #callsOut(account: AccountId): boolean {
    const call = this.#current?.call;
    const rings = call?.phase === 'ringing-out' || call?.phase === 'starting';
    return rings === true && call?.mode === 'peer' && call.callees.length === 1 && call.callees[0] === account;
  }

  #acceptByGlare(running: Running, account: AccountId): boolean {
    if (this.#glare === account) {
      this.#takeOver(running);
      return true;
    }
    if (!this.#callsOut(account)) return false;
    this.#glareRing = running;
    return true;
  }

  #handOver(account: AccountId): void {
    this.#glare = account;
    this.#around.scheduler.after(GLARE_WAIT_MS, () => {
      if (this.#glare === account) this.#glare = undefined;
    });
    const running = this.#glareRing;
    this.#glareRing = undefined;
    if (running) queueMicrotask(() => this.#takeOver(running));
  }

  #takeOver(running: Running): void {
    if (running.call.phase !== 'ringing-in' || !this.#glare) return;
    this.#glare = undefined;
    this.#current = running;
    this.#dispatch(running, { type: 'accept' });
  }
}
