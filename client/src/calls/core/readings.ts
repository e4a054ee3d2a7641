// What a second of getStats says (W3C Identifiers for WebRTC's Statistics API):
// how both ways sound, who speaks, and what the link carries. Of several
// connections at once, a call that moves into a room, the worst counts.
import type { QualitySample } from './quality.ts';
import { rating, scoreOf } from './quality.ts';

export type StatsEntry = Record<string, unknown>;

/** How media goes. `room`: to the SFU. */
export type Path = 'direct' | 'relay-udp' | 'relay-tcp' | 'relay-tls';

/** Counters so far, and when they were read. */
export interface Totals {
  readonly atMs: number;
  readonly received: number;
  readonly lost: number;
  readonly played: number;
  readonly concealed: number;
  readonly sentBytes: number;
}

export const NO_TOTALS: Totals = { atMs: 0, received: 0, lost: 0, played: 0, concealed: 0, sentBytes: 0 };

export interface Reading {
  /** What we get, and what the other gets of ours; undefined while nothing flows that way. */
  readonly inbound: QualitySample | undefined;
  readonly outbound: QualitySample | undefined;
  /** MOS of the worse of the two, 1 to 4.5. */
  readonly score: number | undefined;
  readonly speaking: boolean;
  readonly availableKbps: number | undefined;
  /** With headers down to IPv4's. */
  readonly sendingKbps: number;
  readonly path: Path | undefined;
  /** Changes with each ICE restart. */
  readonly iceFragment: string | undefined;
  readonly redundant: boolean;
}

/** A platform's own entry, for what getStats does not say: `redundant`, whether audio goes by RED. */
export const SENDING = 'carillon-sending';
/** Of full scale, 0 to 1: louder than a quiet room. */
const SPEAKING_LEVEL = 0.02;
/** IPv4, UDP and the authentication tag of SRTP; RTP's own header is in the statistics. */
const PACKET_HEADER_BYTES = 38;

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const known = (value: unknown): number | undefined => (typeof value === 'number' ? number(value) : undefined);

export function read(entries: readonly StatsEntry[], before: Totals, nowMs: number): [Reading, Totals] {
  const ofType = (type: string) => entries.filter((entry) => entry.type === type);
  const inbounds = ofType('inbound-rtp');
  const outbounds = ofType('outbound-rtp');
  const pairs = selectedPairs(entries);
  const sum = (of: readonly StatsEntry[], field: string) =>
    of.reduce((total, entry) => total + number(entry[field]), 0);
  const totals: Totals = {
    atMs: nowMs,
    received: sum(inbounds, 'packetsReceived'),
    lost: sum(inbounds, 'packetsLost'),
    played: sum(inbounds, 'totalSamplesReceived'),
    concealed: sum(inbounds, 'concealedSamples') - sum(inbounds, 'silentConcealedSamples'),
    sentBytes:
      sum(outbounds, 'bytesSent') +
      sum(outbounds, 'headerBytesSent') +
      sum(outbounds, 'packetsSent') * PACKET_HEADER_BYTES,
  };
  const roundTripMs = Math.max(0, ...pairs.map((pair) => number(pair.currentRoundTripTime) * 1_000));
  const inbound = inboundSample(inbounds, totals, before, roundTripMs);
  const outbound = outboundSample(ofType('remote-inbound-rtp'), roundTripMs);
  const scores = [inbound, outbound].filter((sample) => sample !== undefined).map((sample) => scoreOf(rating(sample)));
  const available = pairs.map((pair) => known(pair.availableOutgoingBitrate)).filter((bps) => bps !== undefined);
  const tookMs = nowMs - before.atMs;
  const reading: Reading = {
    inbound,
    outbound,
    score: scores.length > 0 ? Math.min(...scores) : undefined,
    speaking: inbounds.some((entry) => entry.kind === 'audio' && number(entry.audioLevel) > SPEAKING_LEVEL),
    availableKbps: available.length > 0 ? Math.max(...available) / 1_000 : undefined,
    // Before the first look there is nothing to count from.
    sendingKbps: before.atMs > 0 && tookMs > 0 ? (8 * Math.max(0, totals.sentBytes - before.sentBytes)) / tookMs : 0,
    path: pairs[0] && pathOf(entries, pairs[0]),
    iceFragment: fragmentOf(entries, pairs[0]),
    redundant: ofType(SENDING).some(({ redundant }) => redundant === true),
  };
  return [reading, totals];
}

function inboundSample(
  inbounds: readonly StatsEntry[],
  totals: Totals,
  before: Totals,
  roundTripMs: number,
): QualitySample | undefined {
  const received = Math.max(0, totals.received - before.received);
  const lost = Math.max(0, totals.lost - before.lost);
  if (received + lost === 0) return undefined;
  const jitters = inbounds.filter(({ kind }) => kind === 'audio').map(({ jitter }) => number(jitter) * 1_000);
  const played = totals.played - before.played;
  const concealed = Math.max(0, totals.concealed - before.concealed);
  return {
    roundTripMs,
    jitterMs: Math.max(0, ...jitters),
    loss: lost / (received + lost),
    ...(played > 0 ? { concealed: Math.min(1, concealed / played) } : {}),
  };
}

/** By the other's receiver reports (RFC 3550, section 6.4.2): of audio, if it sends any. */
function outboundSample(reports: readonly StatsEntry[], roundTripMs: number): QualitySample | undefined {
  const audio = reports.filter(({ kind }) => kind === 'audio');
  const counted = audio.length > 0 ? audio : reports;
  if (counted.length === 0) return undefined;
  const worst = (field: string) => Math.max(0, ...counted.map((entry) => number(entry[field])));
  return {
    roundTripMs: worst('roundTripTime') * 1_000 || roundTripMs,
    jitterMs: worst('jitter') * 1_000,
    loss: Math.min(1, worst('fractionLost')),
  };
}

function selectedPairs(entries: readonly StatsEntry[]): StatsEntry[] {
  const selected = new Set(
    entries.filter(({ type }) => type === 'transport').map((transport) => transport.selectedCandidatePairId),
  );
  const pairs = entries.filter(({ type }) => type === 'candidate-pair');
  const chosen = pairs.filter(({ id }) => selected.has(id));
  return chosen.length > 0 ? chosen : pairs.filter(({ nominated }) => nominated === true);
}

function pathOf(entries: readonly StatsEntry[], pair: StatsEntry): Path {
  const byId = (id: unknown) => entries.find((entry) => entry.id === id);
  const local = byId(pair.localCandidateId);
  const remote = byId(pair.remoteCandidateId);
  if (local?.candidateType === 'relay') {
    return local.relayProtocol === 'tls' ? 'relay-tls' : local.relayProtocol === 'tcp' ? 'relay-tcp' : 'relay-udp';
  }
  // Over the other's relay: this end reaches it by UDP.
  return remote?.candidateType === 'relay' ? 'relay-udp' : 'direct';
}

function fragmentOf(entries: readonly StatsEntry[], pair: StatsEntry | undefined): string | undefined {
  const local = pair && entries.find(({ id }) => id === pair.localCandidateId);
  const fragment = local?.usernameFragment;
  return typeof fragment === 'string' ? fragment : undefined;
}
