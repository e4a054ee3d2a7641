// Runs in the page of browserLink.test.ts: both ends of a peer link, with what
// is lost on the way between them.
import { BrowserPeer } from '../../../src/browser/calls/browserPeer.ts';
import { PeerLink } from '../../../src/calls/peerLink.ts';
import type { Signal } from '../../../src/calls/signals.ts';

export type Name = 'impolite' | 'polite';

interface End {
  readonly link: PeerLink;
  readonly connections: RTCPeerConnection[];
  /** The next description of this type is lost, and what follows it until one goes that is not. */
  loses: 'offer' | 'answer' | undefined;
  isMute: boolean;
  readonly failures: string[];
}

const made: RTCPeerConnection[] = [];

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    made.push(this);
  }
};

const ufrag = (description: RTCSessionDescription | null | undefined) =>
  /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? '')?.[1] ?? '';

class Pair {
  readonly #ends = new Map<Name, End>();

  open(name: Name, offerer: boolean, generation: number, loses?: 'offer'): void {
    const failures: string[] = [];
    const connections: RTCPeerConnection[] = [];
    const link = new PeerLink({
      engine: {
        createPeer: (options) => {
          const peer = new BrowserPeer(options, 'all');
          connections.push(made.at(-1)!);
          return peer;
        },
        onNetworkChange: () => () => {},
      },
      ...{ polite: name === 'polite', offerer, generation },
      relayOnly: false,
      iceServers: () => [],
      send: (signal) => this.#send(name, signal),
      connected: () => {},
      lost: () => {},
      remote: () => {},
      failed: (error) => failures.push(String(error)),
      generationChanged: () => {},
    });
    this.#ends.set(name, { link, connections, loses, isMute: false, failures });
    link.insist();
  }

  end(name: Name): End {
    return this.#ends.get(name)!;
  }

  get failures(): string[] {
    return [...this.#ends.values()].flatMap(({ failures }) => failures);
  }

  get agreed(): string | undefined {
    const [a, b] = [...this.#ends.values()].map(({ connections }) => connections.at(-1)!);
    const isUp = [a, b].every((each) => each!.signalingState === 'stable' && each!.connectionState === 'connected');
    const [here, there] = [ufrag(a!.currentLocalDescription), ufrag(b!.currentLocalDescription)];
    const isAgreed = here === ufrag(b!.currentRemoteDescription) && there === ufrag(a!.currentRemoteDescription);
    return isUp && isAgreed ? `${here} ${there}` : undefined;
  }

  close(): void {
    for (const { link } of this.#ends.values()) link.close();
  }

  #send(from: Name, signal: Signal): void {
    const end = this.#ends.get(from);
    if (signal.type === 'description' && end) {
      end.isMute = signal.description.type === end.loses;
      if (end.isMute) end.loses = undefined;
    }
    if (end?.isMute) return;
    const to = from === 'polite' ? 'impolite' : 'polite';
    setTimeout(() => this.#ends.get(to)?.link.receive(signal), 5);
  }
}

const pairs = new Map<string, Pair>();

export const page = {
  open(key: string): void {
    const pair = new Pair();
    pairs.set(key, pair);
    pair.open('polite', false, 1);
    pair.open('impolite', true, 1);
  },
  lose(key: string, from: Name, type: 'offer' | 'answer'): void {
    pairs.get(key)!.end(from).loses = type;
  },
  restart: (key: string, name: Name) => pairs.get(key)!.end(name).link.restart(),
  /** As a reloaded page, whose first offer is lost. */
  startOver(key: string, name: Name): void {
    const pair = pairs.get(key)!;
    const { link } = pair.end(name);
    link.close();
    pair.open(name, true, link.generation + 1, 'offer');
  },
  failures: (key: string) => pairs.get(key)!.failures,
  /** What both ends agree on, once they are connected by it. */
  agreed: (key: string) => pairs.get(key)!.agreed,
  close: (key: string) => pairs.get(key)!.close(),
};

export type LinkPage = typeof page;
(window as unknown as { page: LinkPage }).page = page;
