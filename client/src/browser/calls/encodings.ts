// Simulcast (RFC 8853): the camera is sent at several sizes, so that the SFU can
// give each receiver the one that fits its tile and its downlink.

/** Below this width a third layer would be smaller than a thumbnail. */
const THREE_LAYERS_FROM_WIDTH = 640;

/** Lowest first, as mediasoup expects. Bits per second at most; congestion control stays below. */
export function cameraEncodings(width: number): RTCRtpEncodingParameters[] {
  const low = { maxBitrate: 120_000 };
  const middle = { maxBitrate: 400_000 };
  const high = { maxBitrate: 1_200_000 };
  const layers =
    width >= THREE_LAYERS_FROM_WIDTH
      ? [
          { ...low, scaleResolutionDownBy: 4 },
          { ...middle, scaleResolutionDownBy: 2 },
          { ...high, scaleResolutionDownBy: 1 },
        ]
      : [
          { ...low, scaleResolutionDownBy: 2 },
          { ...middle, scaleResolutionDownBy: 1 },
        ];
  return layers.map((layer) => ({ ...layer, scalabilityMode: 'L1T2' }));
}

/** A screen is read, not watched: one layer, sharp. */
export const SCREEN_ENCODINGS: readonly RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000 }];
