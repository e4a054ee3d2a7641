// The summary of a call as signaling takes it, within its bounds.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { type CallId, MediaPath, type QualityReportSchema } from '@carillon/protocol';
import type { SummaryReport } from './core/callSummary.ts';

const DELAY_MS_MAX = 60_000;
const SECONDS_MAX = 604_800;
const RESTARTS_MAX = 10_000;

const PATHS: Readonly<Record<SummaryReport['path'], MediaPath>> = {
  direct: MediaPath.DIRECT,
  'relay-udp': MediaPath.RELAY_UDP,
  'relay-tcp': MediaPath.RELAY_TCP,
  'relay-tls': MediaPath.RELAY_TLS,
  room: MediaPath.ROOM,
};

export function qualityFrame(callId: CallId, report: SummaryReport): MessageInitShape<typeof QualityReportSchema> {
  const delay = (ms: number) => Math.min(DELAY_MS_MAX, Math.round(ms));
  return {
    callId,
    seconds: Math.min(SECONDS_MAX, report.seconds),
    mosMeanX100: Math.round(report.scoreMean * 100),
    mosMinX100: Math.round(report.scoreMin * 100),
    roundTripP50Ms: delay(report.roundTripP50Ms),
    roundTripP95Ms: delay(report.roundTripP95Ms),
    jitterP50Ms: delay(report.jitterP50Ms),
    jitterP95Ms: delay(report.jitterP95Ms),
    lossMeanPermille: Math.round(report.lossMean * 1_000),
    lossP95Permille: Math.round(report.lossP95 * 1_000),
    path: PATHS[report.path],
    iceRestarts: Math.min(RESTARTS_MAX, report.iceRestarts),
    audioOnlySeconds: Math.min(SECONDS_MAX, report.audioOnlySeconds),
  };
}
