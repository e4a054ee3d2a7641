// Which accounts and groups have something to sweep, and from when on: the one
// thing that is not in their own slot. It is told before a write is answered and
// says when to look, not what is there; an account says what it believes the
// index to know (xe, xr), and the two are brought together whenever one is swept.
import type { AccountId } from '@carillon/protocol';
import { LuaScript, type RedisLink } from '@carillon/service/redis';
import { indexKey, indexKeys, type Root, rootKey } from './keys.ts';
import { SWEEP, TRIM_IDS } from './queueScripts.ts';

/** Envelopes, and ids, that one step drops of one root: bounds how long it holds up sends. */
const ROWS_MAX = 500;
/** Roots one step takes of each slot of the index. */
const ROOTS_PER_SLOT = 8;
/** Who dies while sweeping a root leaves it alone for so long. */
const LEASE_MS = 600_000;

export type IndexKind = 'e' | 'r';

/** ARGV: kind, root, the score that was read, the score to have instead or '' for none. */
const SETTLE = new LuaScript(
  'index settle',
  `local index = KEYS[1] .. ':' .. ARGV[1]
   if tonumber(redis.call('ZSCORE', index, ARGV[2]) or nil) ~= tonumber(ARGV[3]) then return 0 end
   if ARGV[4] == '' then redis.call('ZREM', index, ARGV[2]) else redis.call('ZADD', index, ARGV[4], ARGV[2]) end
   return 1`,
);
const DUE = new LuaScript(
  'index due',
  `return redis.call('ZRANGEBYSCORE', KEYS[1] .. ':' .. ARGV[1], '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])`,
);
const TELL = new LuaScript(
  'index tell',
  `return redis.call('ZADD', KEYS[1] .. ':' .. ARGV[1], 'LT', ARGV[2], ARGV[3])`,
);
const WALK = new LuaScript('index walk', `return redis.call('ZRANGE', KEYS[1] .. ':r', ARGV[1], ARGV[2])`);

export const INDEX_SCRIPTS = [SETTLE, DUE, TELL, WALK, SWEEP, TRIM_IDS];

export interface SweepPart {
  readonly nowMs: number;
  readonly forgetIdsBeforeMs: number;
  readonly rememberedIdsMax: number;
}

export class RedisIndex {
  readonly #link: RedisLink;
  readonly #onGroupsPending: (accountId: AccountId) => Promise<void>;
  #walked = 0;

  constructor(link: RedisLink, onGroupsPending: (accountId: AccountId) => Promise<void>) {
    this.#link = link;
    this.#onGroupsPending = onGroupsPending;
  }

  /** @param first From when on there is something, as the script that wrote it said; empty: the index knows. */
  async tell(root: Root, kind: IndexKind, first: Buffer | string | undefined): Promise<void> {
    const at = first?.toString() ?? '';
    if (at !== '') await this.#link.run(TELL, indexKey(root), [kind, at, root]);
  }

  /** True when there may be more. */
  async sweep(part: SweepPart): Promise<boolean> {
    const before = [part.nowMs, part.forgetIdsBeforeMs - 1] as const;
    const due = await Promise.all(
      indexKeys.flatMap((slot) =>
        (['e', 'r'] as const).map((kind, i) => this.#link.run(DUE, slot, [kind, `${before[i]}`, `${ROOTS_PER_SLOT}`])),
      ),
    );
    const roots = new Map<Root, Map<IndexKind, string>>();
    let more = false;
    for (const [at, reply] of due.entries()) {
      const found = (reply as Buffer[]).map(String);
      more ||= found.length / 2 >= ROOTS_PER_SLOT;
      for (let i = 0; i < found.length; i += 2) {
        const root = found[i] as Root;
        roots.set(root, (roots.get(root) ?? new Map()).set(at % 2 === 0 ? 'e' : 'r', found[i + 1]!));
      }
    }
    const swept = await Promise.all([...roots].map(([root, scores]) => this.#sweepRoot(root, scores, part)));
    await this.#trim(part.rememberedIdsMax);
    return more || swept.some(Boolean);
  }

  /** True when there is more of this one. */
  async #sweepRoot(root: Root, scores: ReadonlyMap<IndexKind, string>, part: SweepPart): Promise<boolean> {
    const { nowMs, forgetIdsBeforeMs } = part;
    const slot = indexKey(root);
    const leaseUntil = `${nowMs + LEASE_MS}`;
    for (const [kind, score] of scores)
      if ((await this.#link.run(SETTLE, slot, [kind, root, score, leaseUntil])) !== 1) return false;
    const args = [`${nowMs}`, `${forgetIdsBeforeMs}`, `${ROWS_MAX}`];
    const reply = (await this.#link.write(SWEEP, rootKey(root), args)) as [number, number, Buffer, Buffer, Buffer];
    if (reply[4].length > 0) await this.#onGroupsPending(root.slice(2) as AccountId);
    const next = { e: `${reply[2]}`, r: `${reply[3]}` };
    for (const kind of scores.keys()) await this.#link.run(SETTLE, slot, [kind, root, leaseUntil, next[kind]]);
    // A send in between may have told the index something that the lease hid.
    const known = (await this.#link.command(rootKey(root), ['HMGET', rootKey(root), 'xe', 'xr'])) as (Buffer | null)[];
    await this.tell(root, 'e', known[0] ?? undefined);
    await this.tell(root, 'r', known[1] ?? undefined);
    return reply[0] === ROWS_MAX || reply[1] === ROWS_MAX;
  }

  /** Goes through all roots that have ids, a few with each step. */
  async #trim(idsMax: number): Promise<void> {
    const from = this.#walked;
    const replies = await Promise.all(
      indexKeys.map((slot) => this.#link.run(WALK, slot, [`${from}`, `${from + ROOTS_PER_SLOT - 1}`])),
    );
    const roots = replies.flatMap((reply) => (reply as Buffer[]).map((root) => `${root}` as Root));
    this.#walked = roots.length === 0 ? 0 : from + ROOTS_PER_SLOT;
    await Promise.all(roots.map((root) => this.#link.run(TRIM_IDS, rootKey(root), [`${idsMax}`])));
  }
}
