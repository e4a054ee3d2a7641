// A member of a group by the other implementation, of a version that still speaks
// the same sender keys.
import * as signal from 'libsignal-0.103';

type Bytes = Uint8Array<ArrayBuffer>;

class SenderKeys extends signal.SenderKeyStore {
  readonly #records = new Map<string, signal.SenderKeyRecord>();
  override async saveSenderKey(
    sender: signal.ProtocolAddress,
    distributionId: signal.Uuid,
    record: signal.SenderKeyRecord,
  ): Promise<void> {
    this.#records.set(`${sender.toString()} ${distributionId}`, record);
  }
  override async getSenderKey(
    sender: signal.ProtocolAddress,
    distributionId: signal.Uuid,
  ): Promise<signal.SenderKeyRecord | null> {
    return this.#records.get(`${sender.toString()} ${distributionId}`) ?? null;
  }
}

const US = signal.ProtocolAddress.new('ours', 1);
const THEM = signal.ProtocolAddress.new('theirs', 1);

export class TheirMember {
  readonly #distributionId: string;
  readonly #keys = new SenderKeys();

  /** @param distributionId a UUID's text */
  constructor(distributionId: string) {
    this.#distributionId = distributionId;
  }

  async distribution(): Promise<Bytes> {
    const message = await signal.SenderKeyDistributionMessage.create(THEM, this.#distributionId, this.#keys);
    return new Uint8Array(message.serialize());
  }

  async accept(distribution: Bytes): Promise<void> {
    const message = signal.SenderKeyDistributionMessage.deserialize(distribution);
    await signal.processSenderKeyDistributionMessage(US, message, this.#keys);
  }

  async seal(plaintext: Bytes): Promise<Bytes> {
    const message = await signal.groupEncrypt(THEM, this.#distributionId, this.#keys, plaintext);
    return new Uint8Array(message.serialize());
  }

  async open(message: Bytes): Promise<Uint8Array> {
    return signal.groupDecrypt(US, this.#keys, message);
  }

  isDuplicate(error: unknown): boolean {
    return error instanceof signal.LibSignalErrorBase && error.code === signal.ErrorCode.DuplicatedMessage;
  }
}
