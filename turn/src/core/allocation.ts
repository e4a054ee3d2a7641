// One client's allocation (RFC 8656 §3.2): its time to expiry, permissions and
// channels. Time comes from the caller; sockets are the relay's business.
import type { TransportAddress } from './address.ts';

/** RFC 8656 §9: a permission lasts 5 minutes. */
export const PERMISSION_MS = 300_000;
/** RFC 8656 §12: a channel binding lasts 10 minutes. */
export const CHANNEL_MS = 600_000;
export const LIFETIME_DEFAULT_SECONDS = 600;
/** RFC 8656 §7.2 recommends an hour at most. */
export const LIFETIME_MAX_SECONDS = 3600;
/** A call has a handful of peers; more costs us memory for nothing. */
const PERMISSIONS_MAX = 256;
const CHANNELS_MAX = 256;

export const CHANNEL_FIRST = 0x4000;
/** RFC 8656 §12 ends at 0x4FFF; clients of RFC 5766 may go to 0x7FFE, and that costs us nothing. */
export const CHANNEL_LAST = 0x7ffe;

export interface Channel {
  readonly number: number;
  readonly peer: TransportAddress;
  expiresAtMs: number;
}

/** How a permitted peer's datagrams reach the client. */
export interface PeerPath {
  readonly address: string;
  readonly port: number;
  /** Without a number, by Data indications. */
  readonly channel: number | undefined;
  readonly untilMs: number;
}

export class AllocationState {
  expiresAtMs: number;
  /** Of the last datagram: most allocations hear one peer at a time, and names of peers are slow to look up. */
  #lastPath: PeerPath | undefined;
  readonly #permissions = new Map<string, number>();
  readonly #byNumber = new Map<number, Channel>();
  readonly #byPeer = new Map<string, Channel>();

  constructor(expiresAtMs: number) {
    this.expiresAtMs = expiresAtMs;
  }

  isPermitted(address: string, nowMs: number): boolean {
    const until = this.#permissions.get(address);
    return until !== undefined && until > nowMs;
  }

  /** All or none; none when that would be too many. */
  permit(addresses: readonly string[], nowMs: number): boolean {
    const wanted = new Set(addresses);
    const isTooMany = () => wanted.union(this.#permissions).size > PERMISSIONS_MAX;
    if (isTooMany()) {
      this.prune(nowMs);
      if (isTooMany()) return false;
    }
    for (const address of wanted) this.#permissions.set(address, nowMs + PERMISSION_MS);
    this.#lastPath = undefined;
    return true;
  }

  /** Binds or refreshes; a number has one peer and a peer one number (RFC 8656 §12.2). */
  bind(number: number, peer: TransportAddress, nowMs: number): 'bound' | 'conflict' | 'full' {
    this.prune(nowMs);
    const key = peerKey(peer);
    const ofNumber = this.#byNumber.get(number);
    const ofPeer = this.#byPeer.get(key);
    if ((ofNumber && peerKey(ofNumber.peer) !== key) || (ofPeer && ofPeer.number !== number)) return 'conflict';
    if (!ofNumber && this.#byNumber.size >= CHANNELS_MAX) return 'full';
    if (!this.permit([peer.address], nowMs)) return 'full';
    const channel = { number, peer, expiresAtMs: nowMs + CHANNEL_MS };
    this.#byNumber.set(number, channel);
    this.#byPeer.set(key, channel);
    this.#lastPath = undefined;
    return 'bound';
  }

  channelByNumber(number: number, nowMs: number): Channel | undefined {
    const channel = this.#byNumber.get(number);
    return channel && channel.expiresAtMs > nowMs ? channel : undefined;
  }

  /** Undefined without a permission. */
  pathFrom(address: string, port: number, nowMs: number): PeerPath | undefined {
    const last = this.#lastPath;
    if (last && last.port === port && last.address === address && nowMs < last.untilMs) return last;
    const permittedUntilMs = this.#permissions.get(address);
    if (permittedUntilMs === undefined || permittedUntilMs <= nowMs) return undefined;
    const channel = this.#byPeer.get(`${address}:${port}`);
    const isBound = channel !== undefined && channel.expiresAtMs > nowMs;
    this.#lastPath = {
      ...{ address, port, channel: isBound ? channel.number : undefined },
      untilMs: isBound ? Math.min(permittedUntilMs, channel.expiresAtMs) : permittedUntilMs,
    };
    return this.#lastPath;
  }

  /** Forgets what has expired. */
  prune(nowMs: number): void {
    for (const [address, until] of this.#permissions) if (until <= nowMs) this.#permissions.delete(address);
    for (const channel of this.#byNumber.values()) {
      if (channel.expiresAtMs > nowMs) continue;
      this.#byNumber.delete(channel.number);
      this.#byPeer.delete(peerKey(channel.peer));
    }
  }
}

function peerKey(peer: TransportAddress): string {
  return `${peer.address}:${peer.port}`;
}

/** RFC 8656 §7.2: what the client asks for, within our bounds. */
export function lifetimeSeconds(asked: number | undefined): number {
  if (asked === undefined) return LIFETIME_DEFAULT_SECONDS;
  return Math.max(LIFETIME_DEFAULT_SECONDS, Math.min(asked, LIFETIME_MAX_SECONDS));
}
