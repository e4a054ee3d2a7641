// Signing up: a code proves the handle, a signature proves the new device's identity.
import { createIdentity } from '@carillon/messaging-core/e2ee';
import {
  bytesToBase64url,
  handleSchema,
  type NewDeviceBody,
  PATHS,
  ProtocolError,
  type RegistrationReply,
  registrationProof,
  registrationReplySchema,
  type VerifyRequest,
  verifyReplySchema,
} from '@carillon/protocol';
import type { HttpJson } from '../connection/httpJson.ts';
import { nameKey } from '../devices/ownAccount.ts';
import type { Account } from '../model.ts';
import type { Platform } from '../ports.ts';
import { createFirstPrekeys, storePrekeys } from './prekeys.ts';
import { writeKeys, writeProfile } from './profile.ts';

/** Longer names push others off the screen. */
const NAME_CHARACTERS_MAX = 64;

/** @throws ProtocolError `handle-invalid`, the server's refusal, or `unreachable` */
export function beginRegistration(http: HttpJson, text: string): Promise<RegistrationReply> {
  const handle = handleSchema.safeParse(text);
  if (!handle.success) return Promise.reject(new ProtocolError('handle-invalid'));
  return http.post(PATHS.messaging.registrations, { handle: handle.data }, registrationReplySchema);
}

/** @throws ProtocolError `code-wrong`, `registration-unknown`, ... */
export async function finishRegistration(
  http: HttpJson,
  platform: Platform,
  input: { registrationId: string; code: string; name: string; deviceName: string },
): Promise<Account> {
  const { crypto, store } = platform;
  const code = input.code.trim().replaceAll(/[\s-]/g, '');
  if (!/^\d{6}$/.test(code)) throw new ProtocolError('code-wrong', { words: 'The code has six digits.' });
  const identity = createIdentity(crypto);
  const first = createFirstPrekeys(crypto, identity, platform.now());
  const request: VerifyRequest = {
    code,
    device: newDeviceBody(identity.publicKey, first.fresh),
    proof: bytesToBase64url(crypto.ed25519Sign(identity.seed, registrationProof(input.registrationId))),
  };
  const path = PATHS.messaging.verify(encodeURIComponent(input.registrationId));
  const { accountId, deviceId, handle } = await http.post(path, request, verifyReplySchema).catch((error: unknown) => {
    // An id that does not even have the form of one.
    if (error instanceof ProtocolError && error.code === 'not-found') throw new ProtocolError('registration-unknown');
    throw error;
  });
  const account: Account = { accountId, deviceId, handle, name: cleanName(input.name) || handle };
  await store.transaction(async (tx) => {
    await writeProfile(tx, account);
    await tx.put('account', nameKey(deviceId), cleanName(input.deviceName));
    await writeKeys(tx, first.keys);
    await storePrekeys(tx, first.fresh, platform.now());
  });
  return account;
}

/** What a new device, registered or linked, tells the server of its keys. */
export function newDeviceBody(
  identityKey: Uint8Array,
  { signed, lastResortKem, oneTime, kem }: ReturnType<typeof createFirstPrekeys>['fresh'],
): NewDeviceBody {
  const signedKey = (prekey: { id: number; publicKey: Uint8Array; signature: Uint8Array }) => ({
    id: prekey.id,
    publicKey: bytesToBase64url(prekey.publicKey),
    signature: bytesToBase64url(prekey.signature),
  });
  return {
    identityKey: bytesToBase64url(identityKey),
    signedPrekey: signedKey(signed),
    oneTimePrekeys: oneTime.map(({ id, publicKey }) => ({ id, publicKey: bytesToBase64url(publicKey) })),
    lastResortKemPrekey: signedKey(lastResortKem),
    kemPrekeys: kem.map(signedKey),
  };
}

/** A name fit for a line of text: no control characters, nothing that turns the direction of what follows. */
export function cleanName(name: string): string {
  return [
    ...name
      .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, ' ')
      .trim()
      .replaceAll(/\s+/g, ' '),
  ]
    .slice(0, NAME_CHARACTERS_MAX)
    .join('');
}
