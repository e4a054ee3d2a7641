// A device on its way into an account.
//
//   waiting --the primary offers--> offered --the new device completes--> completing --linked--> linked
//                                      ^------------could not be stored-------'
//
// Each step replaces the one before, so that of several who try one at a time
// has it. `linked` answers a repeat by the same identity, whose first answer got
// lost, until the link has ended.
import { type AccountId, accountIdSchema, deviceIdSchema, handleSchema } from '@carillon/protocol';
import { z } from 'zod';
import type { DeviceListRecord } from './messagingStore.ts';

export interface LinkOffer {
  readonly accountId: AccountId;
  /** base64url; what is inside only the new device can read. */
  readonly sealed: string;
  readonly list: DeviceListRecord;
}

const bytes = z.string().transform((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
const offerShape = {
  accountId: accountIdSchema,
  sealed: z.string(),
  list: z.object({ revision: z.number(), identityKeys: z.array(bytes), signature: bytes }),
};
const linkSchema = z.discriminatedUnion('phase', [
  z.object({ phase: z.literal('waiting') }),
  z.object({ phase: z.literal('offered'), ...offerShape }),
  z.object({ phase: z.literal('completing') }),
  z.object({
    phase: z.literal('linked'),
    identityKey: z.string(),
    accountId: accountIdSchema,
    deviceId: deviceIdSchema,
    handle: handleSchema,
  }),
]);
export type Link = z.output<typeof linkSchema>;

export const WAITING: string = linkText({ phase: 'waiting' });

/** The same link is always the same text. */
export function linkText(link: Link | ({ readonly phase: 'offered' } & LinkOffer)): string {
  if (link.phase !== 'offered') return JSON.stringify(link);
  const { phase, accountId, sealed, list } = link;
  const { revision, identityKeys, signature } = list;
  const textOf = (key: Uint8Array) => Buffer.from(key).toString('hex');
  const plainList = { revision, identityKeys: identityKeys.map(textOf), signature: textOf(signature) };
  return JSON.stringify({ phase, accountId, sealed, list: plainList });
}

/** Of what `linkText` made. */
export function linkFrom(text: string): Link {
  return linkSchema.parse(JSON.parse(text));
}
