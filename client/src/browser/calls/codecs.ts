// Which codecs a peer call speaks, and how: Opus with in-band FEC and DTX (RFC
// 7587), wrapped into RED (RFC 2198) where both ends have it, so that a lost
// packet comes again inside the next.

/** Of the audio codecs that this browser can receive, RED first; all of them stay on offer. */
export function preferRedundancy(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpReceiver.getCapabilities?.('audio')?.codecs;
  // What a browser cannot choose it decides itself.
  if (!codecs || typeof transceiver.setCodecPreferences !== 'function') return;
  const isRed = ({ mimeType }: { readonly mimeType: string }) => mimeType.toLowerCase() === 'audio/red';
  transceiver.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))]);
}

/**
 * A description as the other end is to have it: what this end wishes to receive
 * (RFC 7587, section 7.1): FEC for what is lost, and nothing while nobody speaks.
 */
export function announceOpus(sdp: string): string {
  const opus = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map(([, payload]) => payload!));
  return sdp.replace(/^a=fmtp:(\d+) ([^\r\n]*)/gm, (line, payload: string, parameters: string) => {
    if (!opus.has(payload)) return line;
    const kept = parameters.split(';').filter((one) => !/^\s*(usedtx|useinbandfec)=/.test(one) && one.trim() !== '');
    return `a=fmtp:${payload} ${[...kept, 'useinbandfec=1', 'usedtx=1'].join(';')}`;
  });
}
