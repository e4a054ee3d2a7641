// Prekeys as Redis keeps them: the id, big-endian, then the key, then the signature, if it has one.
import { concatBytes } from '@carillon/protocol';
import type { KemPrekeyRecord, OneTimePrekeyRecord, SignedPrekeyRecord } from '../../core/messagingStore.ts';
import { asBuffer } from './redisQueues.ts';

const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;

export function encodeSigned({ id, publicKey, signature }: SignedPrekeyRecord | KemPrekeyRecord): Buffer {
  return asBuffer(concatBytes(idBytes(id), publicKey, signature));
}

export function decodeSigned(bytes: Buffer): SignedPrekeyRecord {
  const end = bytes.length - SIGNATURE_BYTES;
  return {
    id: bytes.readUInt32BE(),
    publicKey: new Uint8Array(bytes.subarray(ID_BYTES, end)),
    signature: new Uint8Array(bytes.subarray(end)),
  };
}

export function encodeOneTime({ id, publicKey }: OneTimePrekeyRecord): Buffer {
  return asBuffer(concatBytes(idBytes(id), publicKey));
}

export function decodeOneTime(bytes: Buffer): OneTimePrekeyRecord {
  return { id: bytes.readUInt32BE(), publicKey: new Uint8Array(bytes.subarray(ID_BYTES)) };
}

function idBytes(id: number): Uint8Array {
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeUInt32BE(id);
  return bytes;
}
