// Node's WebRTC with somebody looking on: which connections there are, what was
// offered over them, and when they were given something to send.
import type { CallEngine, Peer, PeerOptions } from '../../src/calls/engine.ts';
import { type NodeCallsOptions, nodeEngine } from '../../src/node/calls/nodeEngine.ts';

export interface WatchedPeer {
  readonly peer: Peer;
  readonly relayOnly: boolean;
  offers: number;
  isConnected: boolean;
  isSending: boolean;
  isClosed: boolean;
}

export class WatchedEngine implements CallEngine {
  readonly peers: WatchedPeer[] = [];
  readonly canLiftRelay = false;
  readonly openRoom = undefined;
  readonly #engine: CallEngine;

  constructor(options: NodeCallsOptions = {}) {
    this.#engine = nodeEngine(options);
  }

  get open(): WatchedPeer[] {
    return this.peers.filter(({ isClosed }) => !isClosed);
  }

  mayOpenMedia: CallEngine['mayOpenMedia'] = (options) => this.#engine.mayOpenMedia(options);
  openMedia: CallEngine['openMedia'] = (options) => this.#engine.openMedia(options);
  onNetworkChange: CallEngine['onNetworkChange'] = (listener) => this.#engine.onNetworkChange(listener);

  createPeer(options: PeerOptions): Peer {
    const { events, relayOnly } = options;
    const peer = this.#engine.createPeer({
      ...options,
      events: {
        ...events,
        connection: (state) => {
          watched.isConnected = state === 'connected';
          events.connection(state);
        },
      },
    });
    const watched: WatchedPeer = {
      ...{ peer, relayOnly, offers: 0, isConnected: false, isSending: false, isClosed: false },
    };
    this.peers.push(watched);
    return new Proxy(peer, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          if (name === 'setMedia') watched.isSending = given[0] !== undefined;
          if (name === 'close') watched.isClosed = true;
          const result: unknown = await Reflect.apply(value, target, given);
          if (name === 'setLocalDescription' && (result as { type: string }).type === 'offer') watched.offers++;
          return result;
        };
      },
    });
  }
}
