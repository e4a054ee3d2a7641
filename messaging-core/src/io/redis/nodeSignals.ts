// What nodes say to each other about devices: JSON, with bytes as base64url.
import { type Address, base64urlToBytes, bytesToBase64url } from '@carillon/protocol';
import type { DeviceSignal, EphemeralEnvelope } from '../../core/switchboard.ts';

export interface NodeSignal {
  readonly address: Address;
  /** Only for this attachment of the device; undefined: for whichever there is. */
  readonly attachment: string | undefined;
  readonly signal: DeviceSignal;
}

type Wire = {
  readonly address: Address;
  readonly attachment?: string;
  readonly signal:
    | Exclude<DeviceSignal, { type: 'ephemeral' }>
    | {
        readonly type: 'ephemeral';
        readonly envelope: Omit<EphemeralEnvelope, 'ciphertext' | 'groupId'> & {
          readonly ciphertext: string;
          readonly groupId?: EphemeralEnvelope['groupId'];
        };
      };
};

export function encodeNodeSignal({ address, attachment, signal }: NodeSignal): string {
  const encoded =
    signal.type === 'ephemeral'
      ? { ...signal, envelope: { ...signal.envelope, ciphertext: bytesToBase64url(signal.envelope.ciphertext) } }
      : signal;
  return JSON.stringify({ address, attachment, signal: encoded });
}

/** Undefined when no node of this version wrote it: nodes are updated one after the other. */
export function decodeNodeSignal(message: Buffer): NodeSignal | undefined {
  try {
    const { address, attachment, signal } = JSON.parse(message.toString()) as Wire;
    if (signal.type !== 'ephemeral') return { address, attachment, signal };
    const { groupId, ciphertext, ...rest } = signal.envelope;
    const envelope: EphemeralEnvelope = { ...rest, groupId, ciphertext: base64urlToBytes(ciphertext) };
    return { address, attachment, signal: { type: 'ephemeral', envelope } };
  } catch {
    return undefined;
  }
}
