// How much of an encoded frame stays in the clear, authenticated as metadata.
// An SFU routes by RTP header and payload descriptor, but some of what it needs
// is in the payload itself, and receivers' depacketisers read there too:
//   VP8 (RFC 7741 §4.3; RFC 6386 §9.1): the 3-byte frame tag, whose first bit
//   tells a key frame, and in key frames the start code and the picture size, 10
//   bytes in all. SFUs look for key frames there before they switch layers.
//   Opus (RFC 6716 §3.1): the TOC byte, from which come bandwidth and duration.
// Nothing in there is content. H264 is not offered in rooms: its packetiser
// (RFC 6184) cuts at NAL units and needs every NAL header in the clear and no
// start code in the ciphertext; VP9 and AV1 need their own treatment likewise.

export type RoomCodec = 'vp8' | 'opus';

export type FramePrefixInput =
  | { readonly kind: 'audio'; readonly codec: 'opus' }
  | { readonly kind: 'video'; readonly codec: 'vp8'; readonly frameType: 'key' | 'delta' };

const OPUS_TOC_BYTES = 1;
const VP8_KEY_FRAME_HEADER_BYTES = 10;
const VP8_FRAME_TAG_BYTES = 3;

/** Leading bytes to leave as they are. */
export function clearPrefixBytes(input: FramePrefixInput): number {
  if (input.kind === 'audio') return OPUS_TOC_BYTES;
  return input.frameType === 'key' ? VP8_KEY_FRAME_HEADER_BYTES : VP8_FRAME_TAG_BYTES;
}
