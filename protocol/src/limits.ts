// Bounds both ends know. Raising a frame bound costs server memory per socket
// (a peer can make it hold that much); lowering one refuses honest clients.
export const PROTOCOL_VERSION = 1;
export const LIMITS = {
  /** One WebSocket message, bytes. Messaging: an envelope for each of 5 devices with a 16 KiB thumbnail. */
  messagingFrameBytesMax: 256 * 1024,
  /** Signaling: a sealed signal with room for the rest of its frame, and a full list of accounts. */
  signalingFrameBytesMax: 64 * 1024,
  /**
   * What two devices of a call tell each other in one relay, sealed. An SDP is about 8 KB, with all its candidates
   * twice that. Raising it costs outbox memory; lowering it refuses long candidate lists.
   */
  sealedSignalBytesMax: 32 * 1024,
  sfuFrameBytesMax: 64 * 1024,
  /** A socket that has not said hello by then is closed. */
  helloTimeoutMs: 5_000,
  envelopeBytesMax: 64 * 1024,
  envelopesPerSendMax: 16,
  devicesPerAccountMax: 5,
  oneTimePrekeysMax: 200,
  /** 1,568 bytes each: together 78 KB a device on the server. */
  kemPrekeysMax: 50,
  groupMembersMax: 1024,
  /** Sealed name, description and a small picture. */
  groupStateBytesMax: 32 * 1024,
  /** Roster changes a server keeps of one group; who missed more asks a member. */
  groupChangesKeptMax: 256,
  presenceWatchesMax: 32,
  /** A link code is good for so long: time to take the phone and scan. */
  linkMs: 90_000,
  linkSealedBytesMax: 4 * 1024,
  heartbeatMinMs: 10_000,
  heartbeatMaxMs: 600_000,
  blockedMax: 10_000,
  /** How long a call rings. */
  ringMs: 60_000,
  /** A participant whose socket is gone stays in the roster this long. */
  reconnectMs: 30_000,
  callParticipantsMax: 8,
  /** Thumbnail bytes inside a MediaMessage. */
  thumbnailBytesMax: 16 * 1024,
  /** One stored blob, ciphertext bytes. */
  blobBytesMax: 2 * 1024 ** 3,
  /** Plaintext bytes of one sealed chunk. */
  chunkBytes: 64 * 1024,
} as const;
