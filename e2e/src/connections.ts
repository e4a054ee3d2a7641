// What a page learns of the others over its peer connections, seen from inside
// that page: nothing but what the other side has told it.

export interface ConnectionFacts {
  readonly connected: number;
  /** Offers and answers that this page has made. */
  readonly offers: number;
  readonly answers: number;
  /** Candidate lines of the other side, from descriptions and on their own. */
  readonly candidates: readonly string[];
  /** Addresses of `c=` and `o=` lines of the other side's descriptions. */
  readonly addresses: readonly string[];
  readonly packetsReceived: number;
  /** Tracks that anything is sent from. */
  readonly sending: number;
}

/** For `addInitScript`: runs in the page before anything else. */
export function watchConnections(): void {
  const all: RTCPeerConnection[] = [];
  const told = { candidates: [] as string[], addresses: [] as string[], offers: 0, answers: 0 };
  const Native = RTCPeerConnection;
  class Watched extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      all.push(this);
    }
    override async setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void> {
      await super.setLocalDescription(description);
      if (this.localDescription?.type === 'offer') told.offers++;
      else told.answers++;
    }
    override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
      for (const line of description.sdp?.split('\r\n') ?? []) {
        if (line.startsWith('a=candidate:')) told.candidates.push(line.slice(2));
        if (line.startsWith('c=') || line.startsWith('o=')) told.addresses.push(line.split(' ').at(-1)!);
      }
      return super.setRemoteDescription(description);
    }
    override addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
      if (candidate?.candidate) told.candidates.push(candidate.candidate);
      return super.addIceCandidate(candidate ?? undefined);
    }
  }
  const facts = async (): Promise<ConnectionFacts> => {
    let packetsReceived = 0;
    for (const pc of all) {
      (await pc.getStats()).forEach((entry) => {
        if (entry.type === 'inbound-rtp') packetsReceived += entry.packetsReceived;
      });
    }
    const senders = all.filter((pc) => pc.connectionState !== 'closed').flatMap((pc) => pc.getSenders());
    return {
      ...told,
      connected: all.filter((pc) => pc.connectionState === 'connected').length,
      packetsReceived,
      sending: senders.filter(({ track }) => track !== null).length,
    };
  };
  Object.assign(globalThis, { RTCPeerConnection: Watched, connectionFacts: facts });
}

/** For `page.evaluate`. */
export const readConnections = (): Promise<ConnectionFacts> =>
  (globalThis as unknown as { connectionFacts(): Promise<ConnectionFacts> }).connectionFacts();
