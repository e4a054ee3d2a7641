// Calls in a browser.
import type { CallsFactory } from '../../api.ts';
import { Calls } from '../../calls/calls.ts';
import type { CallEngine } from '../../calls/engine.ts';
import { BrowserMedia } from './browserMedia.ts';
import { BrowserPeer } from './browserPeer.ts';
import { BrowserRoom } from './browserRoom.ts';

/** One change of network is several events. Lower: more than one restart for it; higher: media is away longer. */
const NETWORK_SETTLES_MS = 100;

export interface BrowserCallsOptions {
  /**
   * `relay`: peer calls only through TURN, so that the other never learns this
   * device's address. Rooms are not concerned: their SFU is ours, and tells nobody.
   */
  readonly iceTransportPolicy?: RTCIceTransportPolicy;
}

export function createBrowserCalls(options: BrowserCallsOptions = {}): CallsFactory {
  const policy = options.iceTransportPolicy ?? 'all';
  return (deps) => new Calls({ ...deps, engine: browserEngine(policy) });
}

function browserEngine(policy: RTCIceTransportPolicy): CallEngine {
  return {
    mayOpenMedia: async ({ video }) => {
      const granted = await Promise.all([isGranted('microphone'), !video || isGranted('camera')]);
      return granted.every(Boolean);
    },
    openMedia: (wanted) => BrowserMedia.open(wanted),
    canLiftRelay: true,
    createPeer: (peer) => new BrowserPeer(peer, policy),
    // The engine only ever gets back the media it opened.
    openRoom: (room) => new BrowserRoom({ ...room, media: room.media as BrowserMedia }),
    onNetworkChange: (listener) => {
      const connection = (navigator as Navigator & { readonly connection?: EventTarget }).connection;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const changed = () => {
        clearTimeout(timer);
        // Of a network that is gone nobody can be told.
        if (navigator.onLine) timer = setTimeout(listener, NETWORK_SETTLES_MS);
      };
      addEventListener('online', changed);
      connection?.addEventListener('change', changed);
      return () => {
        clearTimeout(timer);
        removeEventListener('online', changed);
        connection?.removeEventListener('change', changed);
      };
    },
  };
}

/** False also where the browser does not tell. */
async function isGranted(name: 'microphone' | 'camera'): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: name as PermissionName })).state === 'granted';
  } catch {
    return false;
  }
}
