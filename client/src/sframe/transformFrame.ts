// What an encoded transform does to each frame (W3C WebRTC Encoded Transform).
// On the wire: the clear prefix, then the SFrame ciphertext of the rest. The
// metadata of RFC 9605 §4.4.3 is the prefix and the track's source, so that the
// SFU can change neither the header nor which picture is the screen's.
import { SFrameError } from './errors.ts';
import { clearPrefixBytes, type FramePrefixInput } from './framePrefix.ts';
import type { SFrameReceiver } from './receiver.ts';
import type { SFrameSender } from './sender.ts';

/** Of RTCEncodedVideoFrame and RTCEncodedAudioFrame, which has no type. */
export interface EncodedFrame {
  readonly data: ArrayBuffer;
  readonly type?: 'key' | 'delta' | 'empty' | undefined;
}

export interface TrackContext {
  readonly kind: 'audio' | 'video';
  /** MediaSource of the wire: microphone, camera, screen. 0 to 255. */
  readonly source: number;
}

function split(
  frame: EncodedFrame,
  track: TrackContext,
): { prefix: Uint8Array<ArrayBuffer>; rest: Uint8Array<ArrayBuffer> } {
  const input: FramePrefixInput =
    track.kind === 'audio'
      ? { kind: 'audio', codec: 'opus' }
      : { kind: 'video', codec: 'vp8', frameType: frame.type === 'key' ? 'key' : 'delta' };
  const length = clearPrefixBytes(input);
  // No frame of these codecs is that short; the other side could not tell where the ciphertext begins.
  if (frame.data.byteLength < length) throw new SFrameError('malformed', 'the frame is shorter than its header');
  return { prefix: new Uint8Array(frame.data, 0, length), rest: new Uint8Array(frame.data, length) };
}

function metadata(track: TrackContext, prefix: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + prefix.length);
  bytes[0] = track.source;
  bytes.set(prefix, 1);
  return bytes;
}

function joined(prefix: Uint8Array, rest: Uint8Array): ArrayBuffer {
  const whole = new Uint8Array(prefix.length + rest.length);
  whole.set(prefix);
  whole.set(rest, prefix.length);
  return whole.buffer;
}

/** The frame's new data. @throws SFrameError malformed (to be dropped), counter-exhausted */
export async function sealEncodedFrame(
  sender: SFrameSender,
  frame: EncodedFrame,
  track: TrackContext,
): Promise<ArrayBuffer> {
  const { prefix, rest } = split(frame, track);
  return joined(prefix, await sender.encrypt(rest, metadata(track, prefix)));
}

/** The frame's data as it was sealed, if it is this participant's. @throws SFrameError */
export async function openEncodedFrame(
  receiver: SFrameReceiver,
  frame: EncodedFrame,
  track: TrackContext & { readonly participant: number },
): Promise<ArrayBuffer> {
  const { prefix, rest } = split(frame, track);
  return joined(prefix, await receiver.decrypt(rest, metadata(track, prefix), track.participant));
}
