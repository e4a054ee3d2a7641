// The difference that makes a send stale [MSG-5]: what the sender believes the
// recipient's devices to be, against what they are.
import type { Address, DeviceId } from '@carillon/protocol';

export interface DeviceDifference {
  /** The recipient has them, the sender did not name them. */
  readonly missing: readonly DeviceId[];
  /** The sender named them, the recipient does not have them (any more). */
  readonly gone: readonly DeviceId[];
}

/** Undefined when the lists match. The sending device never sends to itself: named, it counts as gone. */
export function deviceDifference(
  named: readonly DeviceId[],
  recipient: { readonly accountId: string; readonly deviceIds: readonly DeviceId[] },
  sender: Address,
): DeviceDifference | undefined {
  const expected = recipient.deviceIds.filter(
    (deviceId) => recipient.accountId !== sender.accountId || deviceId !== sender.deviceId,
  );
  const missing = expected.filter((deviceId) => !named.includes(deviceId));
  const gone = named.filter((deviceId) => !expected.includes(deviceId));
  return missing.length === 0 && gone.length === 0 ? undefined : { missing, gone };
}

/** Whether a signed list has this primary first and names exactly these identities, each once. */
export function namesExactly(
  listed: readonly Uint8Array[],
  primary: Uint8Array,
  identityKeys: readonly Uint8Array[],
): boolean {
  const isEqual = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const [first] = listed;
  if (first === undefined || listed.length !== identityKeys.length || !isEqual(first, primary)) return false;
  return identityKeys.every((key) => listed.some((other) => isEqual(other, key)));
}
