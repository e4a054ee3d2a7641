// What the peer connections of this process send before it is sealed, and the
// keys they agreed on with their peers (DTLS-SRTP, RFC 5764): what no relay has.
import { RTCDtlsTransport, type SrtpSession } from 'werift';

export type SrtpConfig = SrtpSession['config'];

/** One end of a connection. */
export interface SrtpEnd {
  readonly config: SrtpConfig;
  /** SHA-256 of its certificate, as descriptions have it. */
  readonly fingerprint: string;
  /** Payloads that it sent, by `rtpKey`. */
  readonly sent: ReadonlyMap<string, Buffer>;
}

/** Names a packet within a call of minutes; sequence numbers come again after 65,536. */
export const rtpKey = (header: { readonly ssrc: number; readonly sequenceNumber: number }): string =>
  `${header.ssrc}/${header.sequenceNumber}`;

/** Watches connections made from now on; `stop` puts everything back. */
export function witnessSrtp(): { readonly ends: readonly SrtpEnd[]; stop(): void } {
  const ends: SrtpEnd[] = [];
  const sentBy = new WeakMap<RTCDtlsTransport, Map<string, Buffer>>();
  const transport = RTCDtlsTransport.prototype;
  const { updateSrtpSession, sendRtp } = transport;
  transport.updateSrtpSession = function (this: RTCDtlsTransport) {
    updateSrtpSession.call(this);
    const sent = new Map<string, Buffer>();
    sentBy.set(this, sent);
    const [fingerprint] = this.localParameters.fingerprints;
    ends.push({ config: this.srtp.config, fingerprint: fingerprint?.value ?? '', sent });
  };
  transport.sendRtp = function (this: RTCDtlsTransport, payload, header) {
    sentBy.get(this)?.set(rtpKey(header), Buffer.from(payload));
    return sendRtp.call(this, payload, header);
  };
  return { ends, stop: () => Object.assign(transport, { updateSrtpSession, sendRtp }) };
}
