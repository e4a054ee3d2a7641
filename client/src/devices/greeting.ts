// What a device that was just linked is told by the primary, queued in the
// transaction that takes note of it.
import type { DeviceId } from '@carillon/protocol';
import { listGroups } from '../groups/groupRecord.ts';
import { invitation } from '../groups/groups.ts';
import { oweHistory } from '../history/history.ts';
import { linksCopy } from '../links/linkRecords.ts';
import type { StoreTransaction } from '../ports.ts';
import { settingsCopy } from '../social/settingsCopy.ts';
import { type CopyParts, tellOwnDevices } from './ownCopies.ts';

/** The account's settings, the groups it is in, and, by way of the media service, what was said before. */
export async function greetDevices(
  tx: StoreTransaction,
  parts: CopyParts,
  devices: readonly DeviceId[],
): Promise<void> {
  await tellOwnDevices(tx, parts, await settingsCopy(tx, parts.platform.crypto));
  await tellOwnDevices(tx, parts, await linksCopy(tx));
  for (const group of await listGroups(tx)) {
    if (group.joined) await tellOwnDevices(tx, parts, invitation(group, true));
  }
  await oweHistory(tx, devices);
}
