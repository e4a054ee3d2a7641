export { CIPHER_SUITES, type CipherSuite, DEFAULT_SUITE } from './cipherSuites.ts';
export { SFrameError, type SFrameErrorCode } from './errors.ts';
export { clearPrefixBytes, type FramePrefixInput, type RoomCodec } from './framePrefix.ts';
export { decodeHeader, encodeHeader, type SFrameHeader } from './header.ts';
export { ratchetKey } from './keyDerivation.ts';
export { decodeKid, encodeKid, type KidParts } from './kid.ts';
export { SFrameReceiver } from './receiver.ts';
export { SFrameSender } from './sender.ts';
export { type EncodedFrame, openEncodedFrame, sealEncodedFrame, type TrackContext } from './transformFrame.ts';
