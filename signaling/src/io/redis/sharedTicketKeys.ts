// The public halves of all nodes' ticket keys: a ticket of any node verifies by
// the JWKS that any other serves. Private halves never leave their nodes.
import type { RedisLink } from '@carillon/service/redis';
import type { JSONWebKeySet, JWK } from 'jose';

const KEYS = 'carillon:{sk}';
const TELL_EVERY_MS = 3_600_000;
/** A node that has not told of its key for so long is gone, and so are its tickets. */
const KEPT_MS = 86_400_000;
/** A new node's key is seen by the others after so long; the SFU asks again when it meets a key it does not know. */
const BELIEVED_MS = 2_000;

export class SharedTicketKeys {
  readonly #link: RedisLink;
  readonly #now: () => number;
  readonly #own: JWK;
  readonly #timer: NodeJS.Timeout;
  #known: { readonly jwks: JSONWebKeySet; readonly untilMs: number } | undefined;

  private constructor(link: RedisLink, own: JWK, now: () => number) {
    this.#link = link;
    this.#own = own;
    this.#now = now;
    this.#timer = setInterval(() => void this.#tell().catch(() => {}), TELL_EVERY_MS).unref();
    link.onReady(() => void this.#tell().catch(() => {}));
  }

  static async open(link: RedisLink, own: JWK, now: () => number): Promise<SharedTicketKeys> {
    const keys = new SharedTicketKeys(link, own, now);
    await keys.#tell();
    return keys;
  }

  async jwks(): Promise<JSONWebKeySet> {
    const nowMs = this.#now();
    if (this.#known && this.#known.untilMs > nowMs) return this.#known.jwks;
    try {
      const found = (await this.#link.command(KEYS, ['HVALS', KEYS])) as Buffer[];
      const told = found.map((text) => JSON.parse(text.toString()) as { readonly jwk: JWK; readonly atMs: number });
      const others = told.filter(({ jwk, atMs }) => atMs > nowMs - KEPT_MS && jwk.kid !== this.#own.kid);
      const jwks = { keys: [this.#own, ...others.map(({ jwk }) => jwk)] };
      this.#known = { jwks, untilMs: nowMs + BELIEVED_MS };
      return jwks;
    } catch {
      return this.#known?.jwks ?? { keys: [this.#own] };
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #tell(): Promise<void> {
    const told = JSON.stringify({ jwk: this.#own, atMs: this.#now() });
    await this.#link.command(KEYS, ['HSET', KEYS, this.#own.kid ?? '', told]);
  }
}
