import type { CallEngine } from '../../calls/engine.ts';
import { NodeMedia } from './nodeMedia.ts';
import { NodePeer } from './nodePeer.ts';

export interface NodeCallsOptions {
  /** Path of a file that ffmpeg reads; sent as microphone and camera. Without one nothing is sent. */
  readonly media?: string;
  /** Plays the file again and again. Default true. */
  readonly loop?: boolean;
  /** Path of a WebM file for what the other sends. */
  readonly record?: string;
  /** `relay`: media only through TURN. */
  readonly iceTransportPolicy?: 'relay' | 'all';
}

export function nodeEngine({ media, loop = true, record, iceTransportPolicy }: NodeCallsOptions): CallEngine {
  return {
    mayOpenMedia: () => Promise.resolve(true),
    openMedia: (wanted) =>
      NodeMedia.open({ file: media === undefined ? undefined : { path: media, loop }, record }, wanted),
    createPeer: (peer) =>
      new NodePeer({
        ...peer,
        isAlwaysRelayed: iceTransportPolicy === 'relay',
      }),
    // werift keeps the policy that a connection began with.
    canLiftRelay: false,
    openRoom: undefined,
    onNetworkChange: () => () => {},
  };
}
