// What a device may say of itself to somebody who is not to learn where it is:
// ways through a relay, with nothing of the addresses behind it. The platform's
// WebRTC is told to gather only those; this looks again at what leaves.
import type { Candidate, Description } from './engine.ts';

/** RFC 8839, section 5.1: `raddr` and `rport` of a relayed candidate are the client's address as the relay sees it. */
const BEHIND = / raddr \S+ rport \d+/;
/** The unspecified address, of the same family as the relay's. */
const nowhere = (line: string) => ` raddr ${line.split(' ')[4]?.includes(':') ? '::' : '0.0.0.0'} rport 0`;

const isRelayed = (line: string) => / typ relay(?: |$)/.test(line);
const bare = (line: string) => line.replace(BEHIND, nowhere(line));

/** Undefined: it is not to be told. */
export function relayedCandidate(candidate: Candidate): Candidate | undefined {
  return isRelayed(candidate.candidate) ? { ...candidate, candidate: bare(candidate.candidate) } : undefined;
}

export function relayedDescription({ type, sdp }: Description): Description {
  const lines = sdp.split('\r\n').flatMap((line) => {
    if (line.startsWith('a=candidate:')) return isRelayed(line) ? [bare(line)] : [];
    // The default address of a section, and of the session, may be the device's own (RFC 8866, sections 5.2 and 5.7).
    if (line.startsWith('c=')) return ['c=IN IP4 0.0.0.0'];
    if (line.startsWith('a=rtcp:')) return ['a=rtcp:9 IN IP4 0.0.0.0'];
    return line.startsWith('o=') ? [line.replace(/ IN IP[46] \S+$/, ' IN IP4 127.0.0.1')] : [line];
  });
  return { type, sdp: lines.join('\r\n') };
}
