// How good a call was, as each of its devices says once: checked, counted, and
// kept without saying whose it was.
import {
  type Address,
  type CallId,
  callIdSchema,
  MediaPath,
  ProtocolError,
  type QualityReport,
} from '@carillon/protocol';
import type { CarillonEvent } from '@carillon/service';
import { z } from 'zod';
import type { CallStore } from './callStore.ts';

export type QualityNote = Omit<Extract<CarillonEvent, { type: 'call-quality' }>, 'type'>;

/** Beyond a week in a call, or a minute for a packet's way, a figure is a mistake. */
const SECONDS_MAX = 604_800;
const DELAY_MS_MAX = 60_000;
const RESTARTS_MAX = 10_000;

const PATHS: Readonly<Record<MediaPath, QualityNote['path'] | undefined>> = {
  [MediaPath.UNSPECIFIED]: undefined,
  [MediaPath.DIRECT]: 'direct',
  [MediaPath.RELAY_UDP]: 'relay-udp',
  [MediaPath.RELAY_TCP]: 'relay-tcp',
  [MediaPath.RELAY_TLS]: 'relay-tls',
  [MediaPath.ROOM]: 'room',
};

const score = z.number().min(100).max(450);
const delayMs = z.number().max(DELAY_MS_MAX);
const permille = z.number().max(1_000);
const reportSchema = z
  .object({
    callId: callIdSchema,
    seconds: z.number().min(1).max(SECONDS_MAX),
    mosMeanX100: score,
    mosMinX100: score,
    roundTripP50Ms: delayMs,
    roundTripP95Ms: delayMs,
    jitterP50Ms: delayMs,
    jitterP95Ms: delayMs,
    lossMeanPermille: permille,
    lossP95Permille: permille,
    path: z.number().transform((path, context) => {
      const name = PATHS[path as MediaPath];
      if (!name) context.addIssue('no path');
      return name ?? z.NEVER;
    }),
    iceRestarts: z.number().max(RESTARTS_MAX),
    audioOnlySeconds: z.number().max(SECONDS_MAX),
  })
  .refine((report) => report.mosMinX100 <= report.mosMeanX100)
  .refine((report) => report.roundTripP50Ms <= report.roundTripP95Ms && report.jitterP50Ms <= report.jitterP95Ms);

/** @throws ProtocolError `invalid-request` */
export function readReport(report: QualityReport): QualityNote & { readonly callId: CallId } {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) throw new ProtocolError('invalid-request', { cause: parsed.error });
  const { mosMeanX100, mosMinX100, lossMeanPermille, lossP95Permille, ...note } = parsed.data;
  return {
    ...note,
    scoreMean: mosMeanX100 / 100,
    scoreMin: mosMinX100 / 100,
    lossMean: lossMeanPermille / 1_000,
    lossP95: lossP95Permille / 1_000,
  };
}

/**
 * Takes the report of a device that is, or was, in the call, or whose account
 * was, where the call has ended. @throws ProtocolError `call-unknown`,
 * `call-not-yours`, `call-state` for a second one
 */
export async function takeReport(store: CallStore, report: QualityReport, by: Address): Promise<QualityNote> {
  const note = readReport(report);
  const call = (await store.read(note.callId, true))?.call;
  if (!call) throw new ProtocolError('call-unknown');
  const isIn =
    call.phase === 'live'
      ? call.participants.some((p) => p.accountId === by.accountId && p.deviceId === by.deviceId)
      : call.endings.some(({ accountId }) => accountId === by.accountId);
  if (!isIn) throw new ProtocolError('call-not-yours');
  if (!(await store.noteReport(note.callId, by))) throw new ProtocolError('call-state');
  return note;
}
