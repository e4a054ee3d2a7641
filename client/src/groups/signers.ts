// Whose signature stands under a change: only identities that this device trusts count.
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import { type AccountId, ProtocolError } from '@carillon/protocol';
import { readKeys } from '../account/profile.ts';
import { type ContactRecord, readContact } from '../contacts/contactRecord.ts';
import type { Directory } from '../contacts/directory.ts';
import { isFormer, isTrusted } from '../contacts/trust.ts';
import type { EnvelopeSender } from '../messaging/envelopeSender.ts';
import type { Ledger } from '../store/ledger.ts';
import type { Signer, VerifySigner } from './core/chain.ts';

export interface SignerParts {
  readonly crypto: CryptoProvider;
  readonly ledger: Ledger;
  readonly directory: Directory;
  readonly sender: EnvelopeSender;
  readonly self: AccountId;
}

/** Meets who has not been met yet, then answers from memory. @throws ProtocolError when the server cannot be asked */
export async function knowSigners(parts: SignerParts, accounts: ReadonlySet<AccountId>): Promise<VerifySigner> {
  const { crypto, ledger, directory, sender, self } = parts;
  for (const account of accounts) {
    if (account === self) continue;
    try {
      await directory.byId(account);
      await sender.meet(account);
    } catch (error) {
      if (!(error instanceof ProtocolError && GONE.has(error.code))) throw error;
    }
  }
  const own = await ledger.read(async (tx) => (await readKeys(tx)).identity.publicKey);
  const records = new Map<AccountId, ContactRecord>();
  await ledger.read(async (tx) => {
    for (const account of accounts) {
      const record = await readContact(tx, account);
      if (record) records.set(account, record);
    }
  });
  return (account, message, signature): Signer => {
    const signed = (key: Uint8Array) => crypto.ed25519Verify(key, message, signature);
    if (account === self && signed(own)) return 'trusted';
    const record = records.get(account);
    const key = record && shownBy(record).find(signed);
    if (!record || !key) return 'unknown';
    return isTrusted(record, key) || isFormer(record, key) ? 'trusted' : 'untrusted';
  };
}

const GONE: ReadonlySet<string> = new Set(['account-unknown', 'device-unknown', 'malformed-frame']);

function shownBy({ identities, trusted, lists, former }: ContactRecord): Uint8Array[] {
  return [...Object.values(identities), ...trusted, ...lists.flatMap(({ identityKeys }) => identityKeys), ...former];
}
