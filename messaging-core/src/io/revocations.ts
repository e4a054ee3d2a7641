// Devices removed while tokens of theirs may still run, for the services that
// verify tokens offline.
import { createHash } from 'node:crypto';
import { ACCESS_TOKEN_LIFE_MS, type Address, addressKey, CLOCK_SKEW_MS } from '@carillon/protocol';
import type { ShortLived } from '../core/shortLived.ts';

/** Everybody may ask: the list is put together once in so long. Longer lets removed devices go on for longer. */
const KEPT_MS = 500;

export interface RevokedDocument {
  /** A `revokedReplySchema`. */
  readonly body: { readonly devices: readonly { readonly accountId: string; readonly deviceId: number }[] };
  readonly etag: string;
}

export class Revocations {
  readonly #shortLived: ShortLived;
  readonly #now: () => number;
  #document: Promise<RevokedDocument> | undefined;
  #madeAtMs = 0;

  constructor(shortLived: ShortLived, now: () => number) {
    this.#shortLived = shortLived;
    this.#now = now;
  }

  async add(address: Address): Promise<void> {
    await this.#shortLived.put('revoked', addressKey(address), '', ACCESS_TOKEN_LIFE_MS + CLOCK_SKEW_MS);
    this.#document = undefined;
  }

  document(): Promise<RevokedDocument> {
    const nowMs = this.#now();
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

  async #make(): Promise<RevokedDocument> {
    const keys = (await this.#shortLived.list('revoked')).map(({ key }) => key).sort();
    const devices = keys.flatMap((key) => {
      const [accountId, deviceId] = key.split('.');
      return accountId && deviceId ? [{ accountId, deviceId: Number(deviceId) }] : [];
    });
    // RFC 9110 §8.8.3.
    const etag = `"${createHash('sha256').update(keys.join('\n')).digest('base64url').slice(0, 22)}"`;
    return { body: { devices }, etag };
  }
}
