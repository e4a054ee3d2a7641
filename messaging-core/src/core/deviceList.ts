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
