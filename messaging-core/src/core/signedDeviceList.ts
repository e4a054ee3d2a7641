// Which identities belong to an account, in the words of its primary device. The
// server checks a list before it stands for the account; peers check it again,
// since they need not believe the server.
import { type AccountId, deviceListProof, LIMITS, ProtocolError } from '@carillon/protocol';
import { namesExactly } from './deviceList.ts';
import type { DeviceListRecord } from './messagingStore.ts';
import { isStrictEd25519Key, verifyEd25519 } from './publicKeys.ts';

const REVISION_MAX = 2 ** 32 - 1;

export interface DeviceListContext {
  readonly accountId: AccountId;
  /** Identity of the account's primary device. */
  readonly primary: Uint8Array;
  /** The list that stands at present. */
  readonly before: DeviceListRecord | undefined;
  /** The identities it has to name: no more and no fewer. */
  readonly identityKeys: readonly Uint8Array[];
}

/** @throws ProtocolError `device-list-invalid` */
export function checkDeviceList(list: DeviceListRecord, context: DeviceListContext): void {
  if (!isWellFormed(list) || !isInPlace(list, context)) throw new ProtocolError('device-list-invalid');
  const proof = deviceListProof(context.accountId, list.revision, list.identityKeys);
  if (!verifyEd25519(context.primary, proof, list.signature)) throw new ProtocolError('device-list-invalid');
}

/** The one identity that the list names and the account does not have yet. @throws ProtocolError `device-list-invalid` */
export function newIdentity(list: DeviceListRecord, present: readonly Uint8Array[]): Uint8Array {
  const added = list.identityKeys.filter((key) => !present.some((other) => Buffer.compare(key, other) === 0));
  if (added.length !== 1) throw new ProtocolError('device-list-invalid');
  return added[0]!;
}

/** An account that never linked has one device, and that is the primary. */
export function primaryIdentity(
  list: DeviceListRecord | undefined,
  present: readonly { readonly identityKey: Uint8Array }[],
): Uint8Array | undefined {
  return list?.identityKeys[0] ?? present[0]?.identityKey;
}

function isWellFormed({ revision, identityKeys, signature }: DeviceListRecord): boolean {
  return (
    Number.isInteger(revision) &&
    revision >= 1 &&
    revision <= REVISION_MAX &&
    identityKeys.length >= 1 &&
    identityKeys.length <= LIMITS.devicesPerAccountMax &&
    new Set(identityKeys.map((key) => Buffer.from(key).toString('hex'))).size === identityKeys.length &&
    identityKeys.every(isStrictEd25519Key) &&
    signature.length === 64
  );
}

function isInPlace(list: DeviceListRecord, { primary, before, identityKeys }: DeviceListContext): boolean {
  return list.revision > (before?.revision ?? 0) && namesExactly(list.identityKeys, primary, identityKeys);
}
