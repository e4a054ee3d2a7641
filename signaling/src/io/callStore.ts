// Where live calls are kept so that a server that was killed still knows them.
// Relayed frames are not stored: they are on the hot path, and a device whose
// frames were lost with the server negotiates again.
import type { CallId } from '@carillon/protocol';
import type { Call } from '../core/call.ts';

export interface CallStore {
  /** Stored when it returns: survives the end of the process. */
  put(call: Call): void;
  delete(callId: CallId): void;
  /** All of them, in no order. */
  all(): Call[];
  close(): void;
}
