// Becoming a linked device: a code with a key of this device's own is shown, and
// only who saw it can seal the account for it. What the server adds of its own
// does not open.
import { createIdentity, createLinkCode, openFromLink } from '@carillon/messaging-core/e2ee';
import {
  base64urlToBytes,
  bytesToBase64url,
  completeLinkReplySchema,
  linkOfferReplySchema,
  linkProof,
  linkReplySchema,
  PATHS,
  ProtocolError,
} from '@carillon/protocol';
import { createFirstPrekeys, storePrekeys } from '../account/prekeys.ts';
import { readProfile, writeKeys, writeProfile } from '../account/profile.ts';
import { cleanName, newDeviceBody } from '../account/registration.ts';
import type { LinkOffer } from '../api.ts';
import { backoffMs } from '../connection/backoff.ts';
import type { HttpJson } from '../connection/httpJson.ts';
import { pause } from '../connection/pause.ts';
import { newContact, writeContact } from '../contacts/contactRecord.ts';
import { includesBytes, type KnownDeviceList, readDeviceList, sameBytes } from '../contacts/deviceLists.ts';
import { meetList } from '../contacts/trust.ts';
import { isPassing } from '../messaging/outbox.ts';
import type { Account } from '../model.ts';
import type { Platform } from '../ports.ts';
import { decodeOffer, type SealedOffer } from './linkOffer.ts';
import { nameKey } from './ownAccount.ts';

/** One look for the offer; the server answers within 30 s. */
const LOOK_MS = 40_000;
const NOT_OURS = 'The answer was not made for this device. Show a new code and scan it again.';

export interface LinkHereParts {
  readonly http: HttpJson;
  readonly platform: Platform;
  /** The account is stored. */
  readonly onLinked: (account: Account) => Promise<void>;
}

/** @param deviceName what the account's other devices show. @throws ProtocolError */
export async function linkHere(parts: LinkHereParts, deviceName: string): Promise<LinkOffer> {
  const { http, platform } = parts;
  const { crypto, now } = platform;
  const { linkId, expiresAtMs } = await http.post(PATHS.messaging.links, {}, linkReplySchema);
  const identity = createIdentity(crypto);
  const pending = createLinkCode(crypto, identity, linkId);
  const ended = new AbortController();
  // The server's clock may differ from ours; its link lives no longer than a link does.
  const lifeMs = Math.min(Math.max(expiresAtMs - now(), 30_000), 120_000);
  const timer = setTimeout(() => ended.abort(), lifeMs);
  const link = async (): Promise<Account> => {
    try {
      const sealed = await lookForOffer(http, linkId, ended.signal);
      const { offer, list } = openOffer(platform, pending, identity.publicKey, sealed);
      const account = await complete(parts, linkId, { identity, offer, list, deviceName }, ended.signal);
      await parts.onLinked(account);
      return account;
    } finally {
      clearTimeout(timer);
    }
  };
  const linked = link();
  // Whoever shows the code may look at the outcome later.
  linked.catch(() => {});
  return { code: pending.code, expiresAtMs: now() + lifeMs, linked, cancel: () => ended.abort() };
}

async function lookForOffer(http: HttpJson, linkId: string, ended: AbortSignal): Promise<Uint8Array> {
  const look = () => {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(LOOK_MS)]);
    return http.get(PATHS.messaging.link(linkId), linkOfferReplySchema, signal);
  };
  for (;;) {
    const { sealed } = await persist(look, ended);
    if (sealed !== undefined) return base64urlToBytes(sealed);
  }
}

/** Again and again while the link lives and trying can help. @throws ProtocolError `link-unknown` when it has ended */
async function persist<T>(attempt: () => Promise<T>, ended: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    if (ended.aborted) throw new ProtocolError('link-unknown');
    try {
      return await attempt();
    } catch (error) {
      if (ended.aborted) throw new ProtocolError('link-unknown', { cause: error });
      if (!(error instanceof ProtocolError) || !isPassing(error)) throw error;
      const waitMs = Math.max(backoffMs(failures, Math.random()), error.details.retryAfterMs ?? 0);
      await pause(waitMs, ended);
    }
  }
}

/** @throws ProtocolError `device-list-invalid` unless who saw the code has sealed it, with a list of theirs that names this device */
function openOffer(
  { crypto }: Platform,
  pending: ReturnType<typeof createLinkCode>,
  identityKey: Uint8Array,
  sealed: Uint8Array,
): { offer: SealedOffer; list: KnownDeviceList } {
  let offer: SealedOffer;
  try {
    offer = decodeOffer(openFromLink(crypto, pending, sealed));
  } catch (cause) {
    throw new ProtocolError('device-list-invalid', { cause, words: NOT_OURS });
  }
  const list = readDeviceList(crypto, offer.accountId, offer.list);
  const isNamed =
    list && includesBytes(list.identityKeys, identityKey) && !sameBytes(list.identityKeys[0], identityKey);
  if (!isNamed) throw new ProtocolError('device-list-invalid', { words: NOT_OURS });
  return { offer, list };
}

async function complete(
  { http, platform }: LinkHereParts,
  linkId: string,
  device: {
    readonly identity: ReturnType<typeof createIdentity>;
    readonly offer: SealedOffer;
    readonly list: KnownDeviceList;
    readonly deviceName: string;
  },
  ended: AbortSignal,
): Promise<Account> {
  const { crypto, store, now } = platform;
  const { identity, offer, list } = device;
  const first = createFirstPrekeys(crypto, identity, now());
  const request = {
    device: newDeviceBody(identity.publicKey, first.fresh),
    proof: bytesToBase64url(crypto.ed25519Sign(identity.seed, linkProof(linkId))),
  };
  // A repeat is answered as the first time.
  const path = PATHS.messaging.completeLink(linkId);
  const reply = await persist(() => http.post(path, request, completeLinkReplySchema), ended);
  if (reply.accountId !== offer.accountId || reply.handle !== offer.handle) {
    throw new ProtocolError('device-list-invalid', { words: NOT_OURS });
  }
  const { accountId, deviceId, handle } = reply;
  const account: Account = { accountId, deviceId, handle, name: cleanName(offer.name) || handle };
  await store.transaction(async (tx) => {
    // Somebody signed up here while the code was shown: what is there stays.
    if (await readProfile(tx)) throw new ProtocolError('link-unknown');
    await writeProfile(tx, account);
    await writeKeys(tx, first.keys);
    await storePrekeys(tx, first.fresh, now());
    const own = { ...newContact(accountId, handle, [deviceId]), trusted: [list.identityKeys[0]!] };
    await writeContact(tx, meetList(own, list));
    await tx.put('account', nameKey(deviceId), cleanName(device.deviceName));
  });
  return account;
}
