// What lives for minutes, shared by all nodes. One hash and one order of ends a
// kind, in one slot. Ends are by Redis's clock, so nodes need not agree on theirs.
import { ProtocolError } from '@carillon/protocol';
import { LuaScript, type RedisLink } from '@carillon/service/redis';
import { SHORT_LIVED_MAX, type ShortLived, type ShortLivedKind } from '../../core/shortLived.ts';

/** When a kind is full, who comes is told to come back then: some of it has ended by that time. */
const RETRY_AFTER_MS = 60_000;

const PRELUDE = `
local values, ends = KEYS[1], KEYS[1] .. ':ends'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function live(key)
  local at = redis.call('ZSCORE', ends, key)
  return at and tonumber(at) > now and redis.call('HGET', values, key) or false
end
local function drop(key)
  redis.call('HDEL', values, key)
  redis.call('ZREM', ends, key)
end
local function put(key, value, life, max)
  -- A bounded part at a time: more than one put adds.
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do drop(old) end
  if redis.call('HEXISTS', values, key) == 0 and redis.call('ZCARD', ends) >= tonumber(max) then return false end
  redis.call('HSET', values, key, value)
  redis.call('ZADD', ends, now + life, key)
  return true
end
`;
const PUT = new LuaScript('short-lived put', `${PRELUDE} return put(ARGV[1], ARGV[2], ARGV[3], ARGV[4]) and 1 or 0`);
const GET_OR_PUT = new LuaScript(
  'short-lived get or put',
  `${PRELUDE} local there = live(ARGV[1])
   if there then return there end
   return put(ARGV[1], ARGV[2], ARGV[3], ARGV[4]) and ARGV[2] or false`,
);
const GET = new LuaScript('short-lived get', `${PRELUDE} return live(ARGV[1])`);
const TAKE = new LuaScript('short-lived take', `${PRELUDE} local there = live(ARGV[1]) drop(ARGV[1]) return there`);
const REPLACE = new LuaScript(
  'short-lived replace',
  `${PRELUDE} if live(ARGV[1]) ~= ARGV[2] then return 0 end
   redis.call('HSET', values, ARGV[1], ARGV[3])
   return 1`,
);
const LIST = new LuaScript(
  'short-lived list',
  `${PRELUDE} local listed = {}
   for _, key in ipairs(redis.call('ZRANGEBYSCORE', ends, '(' .. now, '+inf')) do
     listed[#listed + 1] = key
     listed[#listed + 1] = redis.call('HGET', values, key)
   end
   return listed`,
);

const slotKey = (kind: ShortLivedKind) => `carillon:{s:${kind}}`;

export class RedisShortLived implements ShortLived {
  readonly #link: RedisLink;
  readonly #max: Readonly<Record<ShortLivedKind, number>>;

  /** @param link Stays open when this is closed. @param max Values of each kind at once, in the whole system. */
  constructor(link: RedisLink, max: Partial<Record<ShortLivedKind, number>> = {}) {
    this.#link = link;
    this.#max = { ...SHORT_LIVED_MAX, ...max };
  }

  async put(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<void> {
    const stored = await this.#link.write(PUT, slotKey(kind), [key, value, `${lifeMs}`, `${this.#max[kind]}`]);
    if (stored !== 1) throw new ProtocolError('rate-limited', { retryAfterMs: RETRY_AFTER_MS });
  }

  async get(kind: ShortLivedKind, key: string): Promise<string | undefined> {
    return text(await this.#link.run(GET, slotKey(kind), [key]));
  }

  async getOrPut(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<string> {
    const args = [key, value, `${lifeMs}`, `${this.#max[kind]}`];
    const there = text(await this.#link.write(GET_OR_PUT, slotKey(kind), args));
    if (there === undefined) throw new ProtocolError('rate-limited', { retryAfterMs: RETRY_AFTER_MS });
    return there;
  }

  async take(kind: ShortLivedKind, key: string): Promise<string | undefined> {
    return text(await this.#link.write(TAKE, slotKey(kind), [key]));
  }

  async replace(kind: ShortLivedKind, key: string, before: string, after: string): Promise<boolean> {
    return (await this.#link.write(REPLACE, slotKey(kind), [key, before, after])) === 1;
  }

  async list(kind: ShortLivedKind): Promise<readonly { readonly key: string; readonly value: string }[]> {
    const flat = (await this.#link.run(LIST, slotKey(kind))) as readonly Buffer[];
    return Array.from({ length: flat.length / 2 }, (_, i) => ({
      key: flat[2 * i]!.toString(),
      value: flat[2 * i + 1]!.toString(),
    }));
  }

  async close(): Promise<void> {}
}

function text(reply: unknown): string | undefined {
  return reply instanceof Buffer ? reply.toString() : undefined;
}
