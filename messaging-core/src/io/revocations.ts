// Devices removed while tokens of theirs may still run: for the services that
// verify tokens offline, and for the nodes themselves. The word that cuts a
// removed device may get lost on its way to another node, and while Redis is away
// nothing can be put on the list; so what could not be listed is listed later,
// and each node looks now and then whether one of its own devices is on it.
import { createHash } from 'node:crypto';
import { ACCESS_TOKEN_LIFE_MS, type Address, addressKey, CLOCK_SKEW_MS } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { ShortLived } from '../core/shortLived.ts';

/** Everybody may ask: the list is put together once in so long. Longer lets removed devices go on for longer. */
const KEPT_MS = 500;
/** How often a node looks. Longer lets a device whose cut was lost go on for longer. */
const LOOK_EVERY_MS = 5_000;
/** Devices that could not be put on the list yet; past it a further one is only cut. */
const UNLISTED_MAX = 20_000;

export interface RevokedDocument {
  /** A `revokedReplySchema`. */
  readonly body: { readonly devices: readonly { readonly accountId: string; readonly deviceId: number }[] };
  readonly etag: string;
}

export interface RevocationsOptions {
  readonly shortLived: ShortLived;
  readonly now: () => number;
  readonly log: Log;
  /** For tests. */
  readonly lookEveryMs?: number;
}

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #unlisted = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #document: Promise<RevokedDocument> | undefined;
  #madeAtMs = 0;
  #onRevoked: (addresses: ReadonlySet<string>) => void = () => {};

  constructor(options: RevocationsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), options.lookEveryMs ?? LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** It is listed later when it cannot be now. @throws ProtocolError */
  async add(address: Address): Promise<void> {
    await this.#list(addressKey(address));
  }

  /** Told again and again, by address key, while there are some. */
  onRevoked(listener: (addresses: ReadonlySet<string>) => void): void {
    this.#onRevoked = listener;
  }

  document(): Promise<RevokedDocument> {
    const nowMs = this.#options.now();
    if (!this.#document || Math.abs(nowMs - this.#madeAtMs) >= KEPT_MS) {
      this.#madeAtMs = nowMs;
      const document = this.#make();
      this.#document = document;
      document.catch(() => {
        if (this.#document === document) this.#document = undefined;
      });
    }
    return this.#document;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #list(key: string): Promise<void> {
    try {
      await this.#options.shortLived.put('revoked', key, '', ACCESS_TOKEN_LIFE_MS + CLOCK_SKEW_MS);
      this.#unlisted.delete(key);
    } catch (error) {
      if (this.#unlisted.size < UNLISTED_MAX) this.#unlisted.add(key);
      throw error;
    }
    this.#document = undefined;
  }

  async #look(): Promise<void> {
    try {
      for (const key of [...this.#unlisted]) await this.#list(key);
      const listed = await this.#options.shortLived.list('revoked');
      if (listed.length > 0) this.#onRevoked(new Set(listed.map(({ key }) => key)));
    } catch (error) {
      // With the next look.
      this.#options.log.warn('removed devices could not be looked at', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async #make(): Promise<RevokedDocument> {
    const keys = (await this.#options.shortLived.list('revoked')).map(({ key }) => key).sort();
    const devices = keys.flatMap((key) => {
      const [accountId, deviceId] = key.split('.');
      return accountId && deviceId ? [{ accountId, deviceId: Number(deviceId) }] : [];
    });
    // RFC 9110 §8.8.3.
    const etag = `"${createHash('sha256').update(keys.join('\n')).digest('base64url').slice(0, 22)}"`;
    return { body: { devices }, etag };
  }
}
