// Linking a device: what the new one shows as a code, the primary answers here,
// sealed for whoever made the code.
import { randomBytes } from 'node:crypto';
import {
  type Address,
  bytesToBase64url,
  type CompleteLinkReply,
  type CompleteLinkRequest,
  LIMITS,
  type LinkOfferReply,
  type LinkReply,
  linkProof,
  ProtocolError,
} from '@carillon/protocol';
import { checkedNewDevice } from '../core/deviceKeys.ts';
import { type Link, type LinkOffer, linkFrom, linkText, WAITING } from '../core/link.ts';
import type { MessagingStore, NewDevice } from '../core/messagingStore.ts';
import type { ShortLived } from '../core/shortLived.ts';

/** One look for an offer lasts so long; then the device asks again. Longer outlasts some proxies' patience. */
export const LOOK_MS = 30_000;
/** An offer made at another node is noticed so late. Shorter costs a read of each waiting device more often. */
const LOOK_AGAIN_MS = 1_000;
/** Devices that wait at once at one node; further ones are answered at once, and ask again. */
const LOOKING_MAX = 2_000;

export interface LinksOptions {
  readonly store: MessagingStore;
  readonly shortLived: ShortLived;
  readonly now: () => number;
  /** Told after the commit, before the answer. */
  onLinked(address: Address): Promise<void>;
  /** For tests. */
  readonly lookMs?: number;
}

export class Links {
  readonly #options: LinksOptions;
  /** Of those who wait here, to be woken by an offer made here. */
  readonly #looking = new Map<string, Set<() => void>>();
  #lookingCount = 0;
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError `rate-limited` */
  async begin(): Promise<LinkReply> {
    const { shortLived, now } = this.#options;
    const linkId = randomBytes(16).toString('hex');
    await shortLived.put('link', linkId, WAITING, LIMITS.linkMs);
    return { linkId, expiresAtMs: now() + LIMITS.linkMs };
  }

  /** The offer; without one when `gone` is aborted or the look is over. @throws ProtocolError `link-unknown` */
  async look(linkId: string, gone: AbortSignal): Promise<LinkOfferReply> {
    const { lookMs = LOOK_MS } = this.#options;
    const endsAt = performance.now() + (this.#lookingCount < LOOKING_MAX ? lookMs : 0);
    this.#lookingCount++;
    try {
      for (;;) {
        const link = await this.#get(linkId);
        if (link.phase === 'offered') return { sealed: link.sealed };
        if (link.phase !== 'waiting') throw new ProtocolError('link-unknown');
        const leftMs = endsAt - performance.now();
        if (leftMs <= 0 || gone.aborted || this.#closed) return {};
        await this.#pause(linkId, Math.min(leftMs, LOOK_AGAIN_MS), gone);
      }
    } finally {
      this.#lookingCount--;
    }
  }

  /** The caller has checked who offers, and the list. @throws ProtocolError `link-unknown` */
  async offer(linkId: string, offer: LinkOffer): Promise<void> {
    const offered = linkText({ phase: 'offered', ...offer });
    if (!(await this.#options.shortLived.replace('link', linkId, WAITING, offered))) {
      // A repeat of what was taken is as good as the first.
      if ((await this.#options.shortLived.get('link', linkId)) !== offered) throw new ProtocolError('link-unknown');
    }
    this.#wake(linkId);
  }

  /** @throws ProtocolError `link-unknown`, `link-not-offered`, `device-list-invalid`, `device-limit`, `invalid-request`, `signature-invalid` */
  async complete(linkId: string, request: CompleteLinkRequest): Promise<CompleteLinkReply> {
    const { shortLived } = this.#options;
    const link = await this.#get(linkId);
    if (link.phase === 'waiting') throw new ProtocolError('link-not-offered');
    const device = checkedNewDevice(request.device, request.proof, linkProof(linkId));
    if (link.phase === 'linked' && link.identityKey === bytesToBase64url(device.identityKey)) return replyOf(link);
    if (link.phase !== 'offered') throw new ProtocolError('link-unknown');
    if (!link.list.identityKeys.some((key) => Buffer.compare(key, device.identityKey) === 0))
      throw new ProtocolError('device-list-invalid');
    const offered = linkText(link);
    const completing = linkText({ phase: 'completing' });
    if (!(await shortLived.replace('link', linkId, offered, completing))) throw new ProtocolError('link-unknown');
    try {
      return await this.#link(linkId, link, device, completing);
    } catch (error) {
      await shortLived.replace('link', linkId, completing, offered);
      throw error;
    }
  }

  /** Who waits is answered at once. */
  close(): void {
    this.#closed = true;
    for (const linkId of [...this.#looking.keys()]) this.#wake(linkId);
  }

  async #link(linkId: string, offer: LinkOffer, device: NewDevice, completing: string): Promise<CompleteLinkReply> {
    const { store, shortLived, now, onLinked } = this.#options;
    const outcome = await store.linkDevice(offer.accountId, device, offer.list, LIMITS.devicesPerAccountMax, now());
    if (outcome.type === 'account-unknown') throw new ProtocolError('account-unknown');
    if (outcome.type === 'device-limit') throw new ProtocolError('device-limit');
    if (outcome.type === 'list-refused') throw new ProtocolError('device-list-invalid');
    const linked = {
      phase: 'linked' as const,
      identityKey: bytesToBase64url(device.identityKey),
      ...outcome.address,
      handle: outcome.handle,
    };
    // Linked it is, whatever becomes of this: only a repeat would not be answered as the first time.
    await shortLived.replace('link', linkId, completing, linkText(linked)).catch(() => false);
    await onLinked(outcome.address);
    return replyOf(linked);
  }

  async #get(linkId: string): Promise<Link> {
    const text = await this.#options.shortLived.get('link', linkId);
    if (text === undefined) throw new ProtocolError('link-unknown');
    return linkFrom(text);
  }

  /** Until an offer is made here, the time is over, or who waits has gone. */
  #pause(linkId: string, ms: number, gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.#looking.get(linkId) ?? new Set<() => void>();
      this.#looking.set(linkId, wakers);
      const wake = () => {
        clearTimeout(timer);
        gone.removeEventListener('abort', wake);
        wakers.delete(wake);
        if (wakers.size === 0 && this.#looking.get(linkId) === wakers) this.#looking.delete(linkId);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakers.add(wake);
      gone.addEventListener('abort', wake);
      if (gone.aborted || this.#closed) wake();
    });
  }

  #wake(linkId: string): void {
    for (const wake of this.#looking.get(linkId) ?? []) wake();
  }
}

function replyOf({ accountId, deviceId, handle }: Extract<Link, { phase: 'linked' }>): CompleteLinkReply {
  return { accountId, deviceId, handle };
}
