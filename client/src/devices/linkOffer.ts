// What the primary seals for a device that it links, as the new device reads it.
import {
  type AccountId,
  accountIdSchema,
  base64urlToBytes,
  bytesToBase64url,
  type Handle,
  handleSchema,
  LIMITS,
  utf8,
} from '@carillon/protocol';
import { z } from 'zod';
import type { ClaimedDeviceList } from '../contacts/deviceLists.ts';

export interface SealedOffer {
  readonly accountId: AccountId;
  readonly handle: Handle;
  /** The person's, not the device's. */
  readonly name: string;
  readonly list: ClaimedDeviceList;
}

const bytes = z.string().transform((text) => base64urlToBytes(text));

const offerSchema = z.object({
  accountId: accountIdSchema,
  handle: handleSchema,
  name: z.string(),
  list: z.object({
    revision: z.number().int(),
    identityKeys: z.array(bytes).max(LIMITS.devicesPerAccountMax),
    signature: bytes,
  }),
});

export function encodeOffer({ accountId, handle, name, list }: SealedOffer): Uint8Array<ArrayBuffer> {
  const { revision, identityKeys, signature } = list;
  const json = {
    accountId,
    handle,
    name,
    list: {
      revision,
      identityKeys: identityKeys.map(bytesToBase64url),
      signature: bytesToBase64url(signature),
    },
  };
  return utf8(JSON.stringify(json));
}

/** @throws Error when it is none */
export function decodeOffer(plaintext: Uint8Array): SealedOffer {
  return offerSchema.parse(JSON.parse(new TextDecoder().decode(plaintext)));
}
