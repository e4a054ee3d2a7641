// Runs in the page of sending.test.ts: two peer connections of the SDK, one
// talking to the other.
import { BrowserMedia } from '../../../src/browser/calls/browserMedia.ts';
import { BrowserPeer } from '../../../src/browser/calls/browserPeer.ts';
import type { Target } from '../../../src/calls/core/ladder.ts';
import type { Description, Peer, StatsEntry } from '../../../src/calls/engine.ts';

let caller: BrowserPeer;
let media: BrowserMedia;
const offers: Description[] = [];

function connect(): void {
  const make = (offerer: boolean, other: () => Peer): BrowserPeer =>
    new BrowserPeer(
      {
        ...{ iceServers: [], relayOnly: false, offerer },
        events: {
          candidate: (candidate) => void early.then(() => other().addIceCandidate(candidate)),
          negotiationNeeded: () => void negotiate(),
          connection: () => {},
          remote: () => {},
        },
      },
      'all',
    );
  let described = () => {};
  const early = new Promise<void>((resolve) => {
    described = resolve;
  });
  const negotiate = async () => {
    const offer = await caller.setLocalDescription();
    offers.push(offer);
    await callee.setRemoteDescription(offer);
    await caller.setRemoteDescription(await callee.setLocalDescription());
    described();
  };
  const callee: BrowserPeer = make(false, () => caller);
  caller = make(true, () => callee);
}

/** Of all pictures, or of the sound. */
function sent(entries: readonly StatsEntry[], kind: string, field: string): number {
  const of = entries.filter((entry) => entry.type === 'outbound-rtp' && entry.kind === kind);
  return of.reduce((sum, entry) => sum + Number(entry[field] ?? 0), 0);
}

export const page = {
  async open(): Promise<void> {
    media = await BrowserMedia.open({ video: true });
    connect();
    caller.setMedia(media);
  },
  offers: () => offers,
  stats: () => caller.stats(),
  setMicrophone: (on: boolean) => media.setMicrophone(on),
  limit: (target: Target) => caller.limit(target),
  /** What is sent from now on, of a kind, over so many milliseconds. */
  async rate(kind: 'audio' | 'video', ms: number) {
    const before = await caller.stats();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const after = await caller.stats();
    const of = (field: string) => sent(after, kind, field) - sent(before, kind, field);
    return { packetsPerSecond: (of('packetsSent') * 1_000) / ms, kbps: (of('bytesSent') * 8) / ms };
  },
};

export type SendingPage = typeof page;
(window as unknown as { page: SendingPage }).page = page;
