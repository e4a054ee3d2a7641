import { ProtocolError } from '@carillon/protocol';
import type { CallsHalf } from './api.ts';

/** Calls where there is no media engine, or nobody is signed in: every one is refused, in words. */
export function noCalls(words: string): CallsHalf {
  const refuse = () => Promise.reject(new ProtocolError('call-state', { words }));
  return {
    current: undefined,
    held: undefined,
    waiting: undefined,
    start: refuse,
    accept: refuse,
    setHeld: refuse,
    decline: refuse,
    hangUp: refuse,
    invite: refuse,
    setMicrophone: refuse,
    setCamera: refuse,
    setScreenShare: refuse,
    setInputDevice: refuse,
    resumable: async () => undefined,
    resume: refuse,
    stats: async () => [],
    needsPermission: () => {},
    close: async () => {},
  };
}
