// ICE servers for the welcome. TURN credentials follow the TURN REST scheme
// (draft-uberti-behave-turn-rest-00), as coturn's `use-auth-secret` and our own
// relay check them: the user name is `expiry:user`, the password its HMAC-SHA1.
// The relay and its logs see the user name, so `user` is a pseudonym of the
// account, stable for quotas, from which the account cannot be found.
import { createHash, createHmac } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccountId, IceServerSchema } from '@carillon/protocol';

export interface IceServersOptions {
  readonly stunUrls: readonly string[];
  readonly turnUrls: readonly string[];
  /** Shared with the relay. */
  readonly turnSecret: string | undefined;
  readonly lifetimeSeconds: number;
}

export function iceServersFor(
  accountId: AccountId,
  nowMs: number,
  { stunUrls, turnUrls, turnSecret, lifetimeSeconds }: IceServersOptions,
): MessageInitShape<typeof IceServerSchema>[] {
  const servers: MessageInitShape<typeof IceServerSchema>[] = [];
  if (stunUrls.length > 0) servers.push({ urls: [...stunUrls] });
  if (turnUrls.length > 0 && turnSecret !== undefined) {
    const user = pseudonym(accountId, turnSecret);
    const username = `${Math.floor(nowMs / 1000) + lifetimeSeconds}:${user}`;
    const credential = createHmac('sha1', turnSecret).update(username).digest('base64');
    servers.push({ urls: turnUrls.map((url) => atOneWorker(url, user)), username, credential });
  }
  return servers;
}

/** `:first-last` before the query: one relay of several processes. */
const PORT_RANGE = /:(\d+)-(\d+)(?=\?|$)/;

/** Always the same for an account, so that the quotas which each worker counts are those of the account. */
function atOneWorker(url: string, user: string): string {
  return url.replace(PORT_RANGE, (_all, first: string, last: string) => {
    const workers = Math.max(1, Number(last) - Number(first) + 1);
    return `:${Number(first) + (createHash('sha256').update(user).digest().readUInt32BE(0) % workers)}`;
  });
}

function pseudonym(accountId: AccountId, turnSecret: string): string {
  return createHmac('sha256', turnSecret)
    .update(`carillon turn pseudonym v1\0${accountId}`)
    .digest('base64url')
    .slice(0, 22);
}
