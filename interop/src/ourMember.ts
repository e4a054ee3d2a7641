// Our side of a group: our chains under the other side's profile. A distribution
// goes from one to the other as it would inside a pairwise session.

import { acceptDistribution, type CryptoProvider, createSenderChain } from '@carillon/messaging-core/e2ee';
import {
  E2eeError,
  openInChain,
  type SenderChain,
  type SenderKeyStates,
  sealInChain,
} from '@carillon/messaging-core/e2ee/core';
import { concatBytes } from '@carillon/protocol';
import { encodeFields, Fields } from './protobufFields.ts';
import type { SeededRandom } from './seededRandom.ts';
import {
  chainIdOf,
  chainNumberOf,
  decodeKey,
  encodeKey,
  GROUP_VERSION,
  splitGroupMessage,
  whisperProfile,
  whisperProvider,
  X3DH_INFO,
} from './whisperProfile.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const { senderKey: profile } = whisperProfile(X3DH_INFO);

export class OurMember {
  readonly #provider: CryptoProvider;
  readonly #distributionId: Bytes;
  #chain: SenderChain;
  /** Of the other member. */
  #states: SenderKeyStates = [];

  constructor(random: SeededRandom, distributionId: Bytes) {
    this.#provider = whisperProvider(random);
    this.#distributionId = distributionId;
    this.#chain = createSenderChain(this.#provider);
  }

  /** A fresh chain, as when somebody has left. */
  rotate(): void {
    this.#chain = createSenderChain(this.#provider);
  }

  distribution(): Bytes {
    const { chainId, iteration, chainKey, signing } = this.#chain;
    return concatBytes(
      Uint8Array.of(GROUP_VERSION),
      encodeFields([
        [1, this.#distributionId],
        [2, chainNumberOf(chainId)],
        [3, iteration],
        [4, chainKey],
        [5, encodeKey(signing.publicKey)],
      ]),
    );
  }

  accept(distribution: Uint8Array): void {
    const fields = new Fields(distribution.subarray(1));
    this.#states = acceptDistribution(this.#states, {
      chainId: chainIdOf(fields.number(2)),
      iteration: fields.number(3),
      chainKey: fields.bytes(4),
      signingKey: decodeKey(fields.bytes(5)),
    });
  }

  seal(plaintext: Uint8Array): Bytes {
    const { chain, message } = sealInChain(this.#provider, profile, this.#chain, this.#distributionId, plaintext);
    this.#chain = chain;
    return message;
  }

  /** @throws E2eeError; whatever is refused changes nothing */
  open(bytes: Uint8Array): Uint8Array {
    const message = splitGroupMessage(bytes);
    const { states, plaintext } = openInChain(this.#provider, profile, this.#states, this.#distributionId, message);
    this.#states = states;
    return plaintext;
  }

  isDuplicate(error: unknown): boolean {
    return error instanceof E2eeError && error.code === 'duplicate-message';
  }
}
