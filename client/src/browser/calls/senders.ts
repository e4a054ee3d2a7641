// Puts what the link allows (the ladder's target) on the senders of a peer
// connection: a bitrate for each, and no picture at all where there is only room
// for sound. Nothing of it needs a new offer.

import type { Target } from '../../calls/core/ladder.ts';
import { SOURCES, type Source } from '../../calls/engine.ts';

/** Bits per second of each picture at most; congestion control stays below. Higher costs the uplink. */
export const PICTURE_BPS_MAX = { camera: 1_500_000, screen: 2_500_000 } as const;
/** Beside a screen the camera is a face in a corner. */
const CAMERA_SHARE_BESIDE_SCREEN = 0.25;

export interface Limit {
  readonly maxBitrateBps: number;
  readonly active: boolean;
}

/** @param on which pictures are sent */
export function limitsOf(
  { audioKbps, videoKbpsMax, why }: Target,
  on: { readonly camera: boolean; readonly screen: boolean },
): Readonly<Record<Source, Limit>> {
  const both = on.camera && on.screen;
  const share = { camera: both ? CAMERA_SHARE_BESIDE_SCREEN : 1, screen: both ? 1 - CAMERA_SHARE_BESIDE_SCREEN : 1 };
  const picture = (source: 'camera' | 'screen'): Limit => {
    // Nothing is short: each has its own bound, and congestion control shares what there is.
    if (why === undefined) return { maxBitrateBps: PICTURE_BPS_MAX[source], active: true };
    if (videoKbpsMax === 0) return { maxBitrateBps: PICTURE_BPS_MAX[source], active: false };
    return { maxBitrateBps: Math.min(PICTURE_BPS_MAX[source], videoKbpsMax * 1_000 * share[source]), active: true };
  };
  return {
    microphone: { maxBitrateBps: audioKbps * 1_000, active: true },
    camera: picture('camera'),
    screen: picture('screen'),
  };
}

export class SenderLimits {
  readonly #pc: RTCPeerConnection;
  #target: Target | undefined;
  #applying = false;

  constructor(pc: RTCPeerConnection) {
    this.#pc = pc;
  }

  /** Audio goes by RED: what the first of the negotiated codecs says. */
  get redundant(): boolean {
    const [first] = this.#pc.getTransceivers()[0]?.sender.getParameters().codecs ?? [];
    return first?.mimeType.toLowerCase() === 'audio/red';
  }

  /** Again and again, with the newest: what cannot be set before the sections are negotiated is set after. */
  async apply(target: Target): Promise<void> {
    this.#target = target;
    // Two setParameters of one sender at once are refused (W3C WebRTC 1.0, section 5.2).
    if (this.#applying) return;
    this.#applying = true;
    try {
      // A newer one may have come meanwhile.
      for (let set: Target | undefined; set !== this.#target; ) {
        set = this.#target;
        for (const [index, source] of SOURCES.entries()) await this.#set(index, source, set);
      }
    } catch {
      // A connection that is closing, or a sender that is being changed: the next second sets it.
    } finally {
      this.#applying = false;
    }
  }

  async #set(index: number, source: Source, target: Target): Promise<void> {
    const senders = this.#pc.getTransceivers().map(({ sender }) => sender);
    const isOn = (name: Source) => Boolean(senders[SOURCES.indexOf(name)]?.track);
    const { maxBitrateBps, active } = limitsOf(target, { camera: isOn('camera'), screen: isOn('screen') })[source];
    const sender = senders[index];
    const parameters = sender?.getParameters();
    const encoding = parameters?.encodings[0];
    if (!sender || !parameters || !encoding) return;
    if (encoding.maxBitrate === maxBitrateBps && encoding.active === active) return;
    encoding.maxBitrate = maxBitrateBps;
    encoding.active = active;
    // Of a link that is too narrow for all, sound gets its part first.
    if (source === 'microphone') encoding.priority = 'high';
    await sender.setParameters(parameters);
  }
}
