// By which of its targets a device is woken.
import type { PushServiceName, PushTarget } from '../../core/messagingStore.ts';

/** The background push of APNs comes last: it may be put off for long. */
const URGENT: readonly PushServiceName[] = ['apns-voip', 'fcm', 'web', 'apns'];
/** Never VoIP: iOS stops an app that gets such a push and shows no call. */
const ORDINARY: readonly PushServiceName[] = ['apns', 'fcm', 'web'];

/** One target: a device that has several would be woken several times. */
export function choosePushTarget(
  targets: readonly PushTarget[],
  urgent: boolean,
  tried: readonly PushServiceName[],
): PushTarget | undefined {
  for (const service of urgent ? URGENT : ORDINARY) {
    const target = tried.includes(service) ? undefined : targets.find((each) => each.service === service);
    if (target) return target;
  }
  return undefined;
}
