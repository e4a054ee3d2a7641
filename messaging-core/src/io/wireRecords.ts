// Between what stands in frames and what the store keeps.
import { LIMITS, ProtocolError, type SignedDeviceList } from '@carillon/protocol';
import type { BundleRecord, DeviceListRecord } from '../core/messagingStore.ts';

export function listFrame({ revision, identityKeys, signature }: DeviceListRecord) {
  return { revision, identityKeys: [...identityKeys], signature };
}

/** @throws ProtocolError `device-list-invalid` without one, or with more devices than an account may have */
export function listRecord(list: SignedDeviceList | undefined): DeviceListRecord {
  // Before it is compared with anything: a frame has room for a hundred thousand.
  if (!list || list.identityKeys.length > LIMITS.devicesPerAccountMax) throw new ProtocolError('device-list-invalid');
  return { revision: list.revision, identityKeys: list.identityKeys, signature: list.signature };
}

export function bundleFrame({ deviceId, identityKey, signedPrekey, oneTimePrekey, kemPrekey }: BundleRecord) {
  return {
    deviceId,
    identityKey,
    signedPrekey,
    ...(oneTimePrekey ? { oneTimePrekey } : {}),
    ...(kemPrekey ? { kemPrekey } : {}),
  };
}
