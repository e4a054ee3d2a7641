// Where a device may be woken, checked before it is kept: the server will send
// requests there.

import { ProtocolError, PushService, type SetPushTargetRequest } from '@carillon/protocol';
import { p256 } from '@noble/curves/nist.js';
import { knownEndpoint } from '../push/core/webPush.ts';
import type { PushServiceName, PushTarget } from './messagingStore.ts';

const APNS_TOKEN = /^(?:[0-9a-f]{2}){32,100}$/i;
/** As Firebase issues them, with room for longer ones. */
const FCM_TOKEN = /^[A-Za-z0-9_:.-]{16,1024}$/;
/** RFC 8291 §2.1 and §3.2. */
const P256DH_BYTES = 65;
const AUTH_BYTES = 16;

export interface CheckedPushTarget {
  readonly service: PushServiceName;
  /** Undefined: it is taken away. */
  readonly target: PushTarget | undefined;
}

/**
 * @param webPushHosts the only ones that an endpoint may have: a device would else choose where in its own network the
 * server sends requests to
 * @throws ProtocolError `invalid-request`
 */
export function checkedPushTarget(request: SetPushTargetRequest, webPushHosts: readonly string[]): CheckedPushTarget {
  const service = checkedService(request.service);
  const { token, p256dh, auth } = request;
  if (token === '') return { service, target: undefined };
  if (service === 'web') {
    const endpoint = knownEndpoint(token, webPushHosts);
    if (!endpoint || !isP256Point(p256dh) || auth.length !== AUTH_BYTES) throw new ProtocolError('invalid-request');
    return { service, target: { service, token: endpoint.href, p256dh, auth } };
  }
  const pattern = service === 'fcm' ? FCM_TOKEN : APNS_TOKEN;
  if (!pattern.test(token) || p256dh.length > 0 || auth.length > 0) throw new ProtocolError('invalid-request');
  return { service, target: { service, token, p256dh: undefined, auth: undefined } };
}

function checkedService(service: PushService): PushServiceName {
  switch (service) {
    case PushService.APNS:
      return 'apns';
    case PushService.APNS_VOIP:
      return 'apns-voip';
    case PushService.FCM:
      return 'fcm';
    case PushService.WEB:
      return 'web';
    default:
      throw new ProtocolError('invalid-request');
  }
}

/** Uncompressed, on the curve, not the point at infinity. */
function isP256Point(bytes: Uint8Array): boolean {
  if (bytes.length !== P256DH_BYTES) return false;
  try {
    p256.Point.fromBytes(bytes).assertValidity();
    return true;
  } catch {
    return false;
  }
}
