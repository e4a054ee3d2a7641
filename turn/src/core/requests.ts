// What a STUN or TURN request is answered (RFC 8656 §6 to §12, RFC 8489 §9.2).
// Pure: it looks at the message and at what is known of the client, and returns
// the reply and what the relay is to do.

import { FAMILY, type Family, readXorAddress, type TransportAddress, writeXorAddress } from './address.ts';
import { type AllocationState, CHANNEL_FIRST, CHANNEL_LAST, lifetimeSeconds } from './allocation.ts';
import { credentialExpiryMs, credentialUser, isFreshNonce, longTermKey, makeNonce } from './credentials.ts';
import type { OwnHost } from './ownHost.ts';
import type { PeerPolicy } from './peerPolicy.ts';
import {
  ATTRIBUTE,
  attributeOf,
  CLASS,
  encodeStun,
  type HmacKey,
  METHOD,
  type StunAttribute,
  type StunMessage,
  verifyIntegrity,
} from './stun.ts';

export interface RelayRules {
  readonly realm: string;
  /** Shared with whoever hands out credentials; several, while one replaces another. */
  readonly secrets: readonly string[];
  readonly nonceKey: HmacKey;
  readonly policy: PeerPolicy;
  /** Of its own ports not all are peers. */
  readonly host?: Pick<OwnHost, 'permits'>;
  /** Allocations of one credential user; a device in a call needs a handful. */
  readonly allocationsPerUserMax: number;
  readonly allocationsMax: number;
  /** Of which it has an address to relay from. */
  readonly families: readonly Family[];
}

/** What the relay knows of the sender of a message. */
export interface ClientView {
  /** `address:port`, as the relay sees it. */
  readonly from: TransportAddress;
  readonly allocation: KnownAllocation | undefined;
  readonly allocationsOf: (user: string) => number;
  readonly allocations: number;
  /** Unix time, by which credentials end. All else goes by a clock that nobody sets. */
  readonly unixMs: number;
}

export interface KnownAllocation {
  readonly username: string;
  /** The long-term key it was made with: a credential that expires later must not cut a running call. */
  readonly key: HmacKey;
  /** Of the relayed address, and so of all peers. */
  readonly family: Family;
  readonly state: AllocationState;
  /** Transaction of the Allocate that made it, in hex, and the reply it got (RFC 8656 §7.2: retransmissions). */
  readonly transaction: string;
  readonly reply: Buffer;
}

export type Outcome =
  | { readonly do: 'nothing' }
  | { readonly do: 'reply'; readonly bytes: Buffer }
  /** To one who has proved nothing: the relay bounds how often. */
  | { readonly do: 'reply-unproven'; readonly bytes: Buffer }
  | {
      readonly do: 'allocate';
      readonly username: string;
      readonly user: string;
      readonly key: HmacKey;
      readonly family: Family;
      readonly evenPort: boolean;
      readonly lifetimeSeconds: number;
    }
  | { readonly do: 'release'; readonly bytes: Buffer }
  | { readonly do: 'send'; readonly peer: TransportAddress; readonly data: Buffer };

/** Only for who has proved itself: a phrase is optional (RFC 8489 §14.8), and amplifies. */
const REASON: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  420: 'Unknown Attribute',
  437: 'Allocation Mismatch',
  440: 'Address Family not Supported',
  441: 'Wrong Credentials',
  442: 'Unsupported Transport Protocol',
  443: 'Peer Address Family Mismatch',
  486: 'Allocation Quota Reached',
  508: 'Insufficient Capacity',
};
const NOTHING: Outcome = { do: 'nothing' };
const UDP = 17;
/** RFC 8656 §18.12: IPv6, 440. */
const NO_ADDITIONAL_FAMILY = { type: ATTRIBUTE.addressErrorCode, value: Buffer.from([FAMILY.ipv6, 0, 4, 40]) };
/** The R bit of EVEN-PORT (RFC 8656 §18.6). */
const RESERVE_NEXT_PORT = 0x80;

export function handleMessage(message: StunMessage, client: ClientView, rules: RelayRules, nowMs: number): Outcome {
  if (message.class === CLASS.indication)
    return message.method === METHOD.send ? handleSend(message, client, nowMs) : NOTHING;
  if (message.class !== CLASS.request) return NOTHING;
  if (message.method === METHOD.binding) return unproven(binding(message, client));
  const impossible = client.allocation || message.integrity ? undefined : withoutAllocation(message);
  if (impossible) return unproven(refusal(message, impossible));
  const authenticated = authenticate(message, client, rules, nowMs);
  if (Buffer.isBuffer(authenticated)) return unproven(authenticated);
  const { key } = authenticated;
  if (message.unknown.length > 0) return refuse(message, 420, key, [unknownAttributes(message.unknown)]);
  if (message.method === METHOD.allocate) return allocate(message, client, rules, authenticated);
  return withAllocation(message, client.allocation, authenticated, rules, nowMs);
}

function withAllocation(
  message: StunMessage,
  allocation: KnownAllocation | undefined,
  { username, key }: Authenticated,
  rules: RelayRules,
  nowMs: number,
): Outcome {
  if (!allocation) return refuse(message, 437, key);
  if (allocation.username !== username) return refuse(message, 441, key);
  switch (message.method) {
    case METHOD.refresh:
      return refresh(message, allocation, nowMs);
    case METHOD.createPermission:
      return createPermission(message, allocation, rules, nowMs);
    case METHOD.channelBind:
      return channelBind(message, allocation, rules, nowMs);
    default:
      return refuse(message, 400, key);
  }
}

function unproven(bytes: Buffer): Outcome {
  return { do: 'reply-unproven', bytes };
}

function binding(message: StunMessage, client: ClientView): Buffer {
  if (message.unknown.length > 0) return refusal(message, 420, undefined, [unknownAttributes(message.unknown)]);
  return success(message, undefined, [
    { type: ATTRIBUTE.xorMappedAddress, value: writeXorAddress(client.from, message.transactionId) },
  ]);
}

/**
 * What no credential could make possible is refused in 28 bytes, to one who gives none, instead of by a
 * challenge twice as long: all but Allocate without an allocation (RFC 8656 §5), and an Allocate for no transport (§7.2).
 */
function withoutAllocation(message: StunMessage): 400 | 437 | undefined {
  if (message.method !== METHOD.allocate) return 437;
  return attributeOf(message, ATTRIBUTE.requestedTransport)?.length === 4 ? undefined : 400;
}

interface Authenticated {
  readonly username: string;
  readonly key: HmacKey;
}

/** The long-term credential mechanism (RFC 8489 §9.2.4), in its order of checks; a Buffer is the refusal. */
function authenticate(
  message: StunMessage,
  client: ClientView,
  rules: RelayRules,
  nowMs: number,
): Authenticated | Buffer {
  const clientKey = `${client.from.address}:${client.from.port}`;
  const challenge = (code: 401 | 438) =>
    refusal(message, code, undefined, [
      { type: ATTRIBUTE.realm, value: Buffer.from(rules.realm) },
      { type: ATTRIBUTE.nonce, value: Buffer.from(makeNonce(rules.nonceKey, clientKey, nowMs)) },
    ]);
  if (!message.integrity) return challenge(401);
  const username = attributeOf(message, ATTRIBUTE.username)?.toString('utf8');
  const realm = attributeOf(message, ATTRIBUTE.realm)?.toString('utf8');
  const nonce = attributeOf(message, ATTRIBUTE.nonce)?.toString('latin1');
  if (username === undefined || realm === undefined || nonce === undefined) return refusal(message, 400);
  // Another name than the allocation's proves itself like any: what it is then told, it can believe.
  const allocation = client.allocation?.username === username ? client.allocation : undefined;
  const expiresAtMs = credentialExpiryMs(username);
  if (realm !== rules.realm || expiresAtMs === undefined) return challenge(401);
  if (!allocation && expiresAtMs <= client.unixMs) return challenge(401);
  const keys = allocation ? [allocation.key] : rules.secrets.map((one) => longTermKey(one, username, rules.realm));
  const key = keys.find((one) => verifyIntegrity(message, one));
  if (!key) return challenge(401);
  // Only who holds the key learns that the nonce alone was stale.
  if (!isFreshNonce(rules.nonceKey, clientKey, nonce, nowMs)) return challenge(438);
  return { username, key };
}

function allocate(
  message: StunMessage,
  client: ClientView,
  rules: RelayRules,
  { username, key }: Authenticated,
): Outcome {
  if (client.allocation) {
    const { transaction, reply } = client.allocation;
    const isAgain = client.allocation.username === username && transaction === message.transactionId.toString('hex');
    // Also to another name, which RFC 8656 §5 excepts from 441: the client is to try another port (§7.2).
    return isAgain ? { do: 'reply', bytes: reply } : refuse(message, 437, key);
  }
  const transport = attributeOf(message, ATTRIBUTE.requestedTransport);
  if (transport?.length !== 4) return refuse(message, 400, key);
  if (transport[0] !== UDP) return refuse(message, 442, key);
  const family = relayedFamily(message, rules);
  if (typeof family === 'number') return refuse(message, family, key);
  const evenPort = attributeOf(message, ATTRIBUTE.evenPort);
  // Reservations of the next port serve RTP without rtcp-mux; nobody here sends that.
  if ((evenPort && (evenPort[0] ?? 0) & RESERVE_NEXT_PORT) || attributeOf(message, ATTRIBUTE.reservationToken))
    return refuse(message, 508, key);
  const user = credentialUser(username);
  if (client.allocationsOf(user) >= rules.allocationsPerUserMax) return refuse(message, 486, key);
  if (client.allocations >= rules.allocationsMax) return refuse(message, 508, key);
  return {
    ...{ do: 'allocate', username, user, key, family, evenPort: evenPort !== undefined },
    lifetimeSeconds: lifetimeSeconds(readLifetime(message)),
  };
}

/**
 * Which family is asked for, or the code of the refusal (RFC 8656 §7.2). Without a word it is IPv4; one
 * allocation has one family: who asks for both is told by ADDRESS-ERROR-CODE that it has the first.
 */
function relayedFamily(message: StunMessage, { families }: RelayRules): Family | 400 | 440 {
  const asked = attributeOf(message, ATTRIBUTE.requestedAddressFamily);
  const additional = attributeOf(message, ATTRIBUTE.additionalAddressFamily);
  if ((asked && asked.length !== 4) || (asked && additional)) return 400;
  if (additional && (additional.length !== 4 || additional[0] !== FAMILY.ipv6)) return 400;
  const family = (['ipv4', 'ipv6'] as const).find((name) => FAMILY[name] === (asked?.[0] ?? FAMILY.ipv4));
  return family && families.includes(family) ? family : 440;
}

/** The reply once the relay has a port (RFC 8656 §7.2). */
export function allocated(
  message: StunMessage,
  at: { relayed: TransportAddress; mapped: TransportAddress; lifetimeSeconds: number; key: HmacKey },
): Buffer {
  return success(message, at.key, [
    { type: ATTRIBUTE.xorRelayedAddress, value: writeXorAddress(at.relayed, message.transactionId) },
    { type: ATTRIBUTE.lifetime, value: uint32(at.lifetimeSeconds) },
    { type: ATTRIBUTE.xorMappedAddress, value: writeXorAddress(at.mapped, message.transactionId) },
    ...(attributeOf(message, ATTRIBUTE.additionalAddressFamily) ? [NO_ADDITIONAL_FAMILY] : []),
  ]);
}

export function notAllocated(message: StunMessage, key: HmacKey): Buffer {
  return refusal(message, 508, key);
}

function refresh(message: StunMessage, allocation: KnownAllocation, nowMs: number): Outcome {
  const family = attributeOf(message, ATTRIBUTE.requestedAddressFamily);
  if (family && family[0] !== FAMILY[allocation.family]) return refuse(message, 443, allocation.key);
  const asked = readLifetime(message);
  const seconds = asked === 0 ? 0 : lifetimeSeconds(asked);
  const bytes = success(message, allocation.key, [{ type: ATTRIBUTE.lifetime, value: uint32(seconds) }]);
  if (seconds === 0) return { do: 'release', bytes };
  allocation.state.expiresAtMs = nowMs + seconds * 1000;
  return { do: 'reply', bytes };
}

function createPermission(
  message: StunMessage,
  allocation: KnownAllocation,
  rules: RelayRules,
  nowMs: number,
): Outcome {
  const peers = message.attributes
    .filter(({ type }) => type === ATTRIBUTE.xorPeerAddress)
    .map(({ value }) => readXorAddress(value, message.transactionId));
  if (peers.length === 0) return refuse(message, 400, allocation.key);
  const addresses: string[] = [];
  for (const peer of peers) {
    if (!peer) return refuse(message, 400, allocation.key);
    if (peer.family !== allocation.family) return refuse(message, 443, allocation.key);
    if (!rules.policy.permits(peer.at.address)) return refuse(message, 403, allocation.key);
    addresses.push(peer.at.address);
  }
  // All or none: a request in part granted could not be told from one refused.
  if (!allocation.state.permit(addresses, nowMs)) return refuse(message, 508, allocation.key);
  return succeed(message, allocation.key, []);
}

function channelBind(message: StunMessage, allocation: KnownAllocation, rules: RelayRules, nowMs: number): Outcome {
  const { key, state } = allocation;
  const channel = attributeOf(message, ATTRIBUTE.channelNumber);
  const peerValue = attributeOf(message, ATTRIBUTE.xorPeerAddress);
  const peer = peerValue && readXorAddress(peerValue, message.transactionId);
  if (channel?.length !== 4 || !peer) return refuse(message, 400, key);
  const number = channel.readUInt16BE(0);
  if (number < CHANNEL_FIRST || number > CHANNEL_LAST) return refuse(message, 400, key);
  if (peer.family !== allocation.family) return refuse(message, 443, key);
  if (peer.at.port === 0) return refuse(message, 400, key);
  if (!rules.policy.permits(peer.at.address) || rules.host?.permits(peer.at) === false)
    return refuse(message, 403, key);
  const bound = state.bind(number, peer.at, nowMs);
  if (bound !== 'bound') return refuse(message, bound === 'conflict' ? 400 : 508, key);
  return succeed(message, key, []);
}

/** An indication carries no proof; the 5-tuple's allocation and permission decide (RFC 8656 §11). */
function handleSend(message: StunMessage, client: ClientView, nowMs: number): Outcome {
  const peerValue = attributeOf(message, ATTRIBUTE.xorPeerAddress);
  const data = attributeOf(message, ATTRIBUTE.data);
  const peer = peerValue && readXorAddress(peerValue, message.transactionId);
  if (!client.allocation || message.unknown.length > 0 || !data || !peer || peer.at.port === 0) return NOTHING;
  // A permission is of the allocation's family, and so is any peer that has one.
  if (!client.allocation.state.isPermitted(peer.at.address, nowMs)) return NOTHING;
  return { do: 'send', peer: peer.at, data };
}

function readLifetime(message: StunMessage): number | undefined {
  const value = attributeOf(message, ATTRIBUTE.lifetime);
  return value?.length === 4 ? value.readUInt32BE(0) : undefined;
}

function succeed(message: StunMessage, key: HmacKey | undefined, attributes: readonly StunAttribute[]): Outcome {
  return { do: 'reply', bytes: success(message, key, attributes) };
}

function success(message: StunMessage, key: HmacKey | undefined, attributes: readonly StunAttribute[]): Buffer {
  const { method, transactionId, hasFingerprint } = message;
  return encodeStun({ class: CLASS.success, method, transactionId, attributes, key, fingerprint: hasFingerprint });
}

function refuse(message: StunMessage, code: number, key?: HmacKey, extra: readonly StunAttribute[] = []): Outcome {
  return { do: 'reply', bytes: refusal(message, code, key, extra) };
}

function refusal(message: StunMessage, code: number, key?: HmacKey, extra: readonly StunAttribute[] = []): Buffer {
  const { method, transactionId, hasFingerprint } = message;
  const reason = Buffer.from((key && REASON[code]) ?? '');
  const error = Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), reason]);
  const attributes = [{ type: ATTRIBUTE.errorCode, value: error }, ...extra];
  return encodeStun({ class: CLASS.error, method, transactionId, attributes, key, fingerprint: hasFingerprint });
}

function unknownAttributes(types: readonly number[]): StunAttribute {
  const value = Buffer.alloc(types.length * 2);
  for (const [index, type] of types.entries()) value.writeUInt16BE(type, index * 2);
  return { type: ATTRIBUTE.unknownAttributes, value };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
