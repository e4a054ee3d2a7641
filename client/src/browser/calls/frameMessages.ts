// Between the page and its frame worker.

export interface TransformOptions {
  readonly role: 'send' | 'receive';
  readonly kind: 'audio' | 'video';
  /** MediaSource of the wire. */
  readonly source: number;
  /** Whose frames these are: roster number, for `receive`. */
  readonly participant: number;
  /** To ask the SFU for a key frame, for `receive`. */
  readonly consumerId: string;
}

export type ToWorker =
  | { readonly type: 'sending'; readonly kid: bigint; readonly key: Uint8Array }
  | { readonly type: 'receiving'; readonly kid: bigint; readonly key: Uint8Array }
  | { readonly type: 'forget'; readonly participant: number };

export interface FrameCounters {
  readonly framesSealed: number;
  readonly framesOpened: number;
  /** No key yet, not authentic, or replayed; and own frames while there is no key. */
  readonly framesDropped: number;
}

export type FromWorker =
  /** Frames of this participant open now. */
  | { readonly type: 'flows'; readonly participant: number }
  /** Video frames were lost while their key was missing. */
  | { readonly type: 'needs-key-frame'; readonly consumerId: string }
  | { readonly type: 'counters'; readonly counters: FrameCounters };
