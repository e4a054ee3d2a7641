// What Redis itself promises of a write, as it is configured: said at the start,
// since it is the operator's choice and not ours.
import type { RedisLink, RedisReply } from '@carillon/service/redis';

export interface Durability {
  readonly isDurable: boolean;
  /** What can be lost, in words. */
  readonly words: string;
}

const UNKNOWN: Durability = {
  isDurable: false,
  words: 'Redis does not say how it keeps what it is given (CONFIG GET is refused); see that appendonly is yes.',
};

/** Of the primary that keeps least. */
export async function redisDurability(link: RedisLink): Promise<Durability> {
  try {
    const replies = await link.everywhere(['CONFIG', 'GET', 'append*', 'maxmemory*']);
    const found = replies.map((reply) => durabilityOf(settingsOf(reply)));
    return found.find(({ isDurable }) => !isDurable) ?? found[0] ?? UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

export function durabilityOf(settings: ReadonlyMap<string, string>): Durability {
  if ((settings.get('maxmemory') ?? '0') !== '0' && settings.get('maxmemory-policy') !== 'noeviction')
    return {
      isDurable: false,
      words:
        'Redis throws away what it has no room for, accounts and messages too. Set maxmemory-policy to noeviction.',
    };
  if (settings.get('appendonly') !== 'yes')
    return {
      isDurable: false,
      words: 'Redis has no append-only file: a restart of it loses what was acknowledged. Set appendonly to yes.',
    };
  switch (settings.get('appendfsync')) {
    case 'always':
      return { isDurable: true, words: 'Redis syncs every write to disk before it is acknowledged.' };
    case 'everysec':
      return {
        isDurable: true,
        words: 'Redis syncs to disk every second: it may lose the last one or two seconds when it or its machine dies.',
      };
    default:
      return {
        isDurable: false,
        words:
          'Redis leaves it to the system when to write to disk (appendfsync no): its machine may lose many seconds.',
      };
  }
}

/** RESP3 gives a map, RESP2 names and values in turn. */
function settingsOf(reply: RedisReply): Map<string, string> {
  if (Array.isArray(reply)) {
    const flat = (reply as RedisReply[]).map(String);
    return new Map(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]));
  }
  return new Map(Object.entries(reply ?? {}).map(([name, value]) => [name, String(value)]));
}
