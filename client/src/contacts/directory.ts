// Finding people: the server's directory says which handle an account has and
// which devices; what was found is remembered.

import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  type AccountFound,
  type AccountId,
  accountIdSchema,
  deviceIdSchema,
  type Handle,
  handleSchema,
  LIMITS,
  ProtocolError,
} from '@carillon/protocol';
import { z } from 'zod';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { type ContactRecord, newContact, readContact, writeContact } from './contactRecord.ts';
import { readDeviceList } from './deviceLists.ts';
import { meetList, withDevices } from './trust.ts';

/** A person who looks for somebody right after the app opened should not be refused. */
const CONNECT_WAIT_MS = 5_000;

type Question = { readonly handle: Handle } | { readonly accountId: AccountId };

/** Ids become keys of the store, so they have to have the form of one. */
const foundSchema = z.object({
  accountId: accountIdSchema,
  handle: handleSchema,
  deviceIds: z.array(deviceIdSchema).max(LIMITS.envelopesPerSendMax),
});

export class Directory {
  readonly #ledger: Ledger;
  readonly #socket: MessagingSocket;
  readonly #crypto: CryptoProvider;

  constructor(ledger: Ledger, socket: MessagingSocket, crypto: CryptoProvider) {
    this.#ledger = ledger;
    this.#socket = socket;
    this.#crypto = crypto;
  }

  /** Undefined when nobody has the handle; offline, what is remembered answers. @throws ProtocolError */
  async byHandle(text: string): Promise<ContactRecord | undefined> {
    const handle = handleSchema.safeParse(text);
    if (!handle.success) throw new ProtocolError('handle-invalid');
    try {
      return await this.#find({ handle: handle.data });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code === 'account-unknown') return undefined;
      const remembered = error.code === 'unreachable' && (await this.#remembered(handle.data));
      if (remembered) return remembered;
      throw error;
    }
  }

  /** From memory, or from the server. @throws ProtocolError */
  async byId(accountId: AccountId): Promise<ContactRecord> {
    const known = await this.#ledger.read((tx) => readContact(tx, accountId));
    return known ?? this.#find({ accountId });
  }

  /** Asks the server again. @throws ProtocolError */
  refresh(accountId: AccountId): Promise<ContactRecord> {
    return this.#find({ accountId });
  }

  async #find(by: Question): Promise<ContactRecord> {
    await this.#socket.settle(CONNECT_WAIT_MS);
    const found = await this.#socket.request({ case: 'findAccount', value: by }, 'account');
    return this.#ledger.change((tx) => remember(tx, this.#crypto, by, found));
  }

  #remembered(handle: Handle): Promise<ContactRecord | undefined> {
    return this.#ledger.read((tx) => contactWithHandle(tx, handle));
  }
}

async function contactWithHandle(tx: StoreTransaction, handle: Handle): Promise<ContactRecord | undefined> {
  const all = await tx.list<ContactRecord>('contacts');
  return all.find(({ value }) => value.handle === handle)?.value;
}

/**
 * What the server answers, as far as it can be believed: an account keeps its
 * handle for ever. A handle that is known with another account has to show the
 * identity known of that one, or the change is told like any other.
 * @throws ProtocolError `malformed-frame`
 */
async function remember(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  by: Question,
  answer: AccountFound,
): Promise<ContactRecord> {
  const parsed = foundSchema.safeParse(answer);
  const found = parsed.data;
  const isAsked = found && ('handle' in by ? found.handle === by.handle : found.accountId === by.accountId);
  const old = isAsked && (await readContact(tx, found.accountId));
  if (!isAsked || (old && old.handle !== found.handle)) {
    const words = 'The server named somebody else than was asked for.';
    throw new ProtocolError('malformed-frame', { cause: parsed.error, words });
  }
  const { accountId, handle, deviceIds } = found;
  const fresh = async () => {
    const { trusted = [] } = (await contactWithHandle(tx, handle)) ?? {};
    return { ...newContact(accountId, handle, deviceIds), trusted };
  };
  const named = old ? withDevices(old, deviceIds) : await fresh();
  const record = meetList(named, readDeviceList(crypto, accountId, answer.deviceList));
  await writeContact(tx, record);
  return record;
}

/** The name a contact gives itself, when it is a new one. */
export async function rename(
  tx: StoreTransaction,
  changes: Changes,
  record: ContactRecord,
  name: string,
): Promise<ContactRecord> {
  if (name === '' || name === record.name) return record;
  const renamed = { ...record, name };
  await writeContact(tx, renamed);
  changes.conversation(record.accountId);
  return renamed;
}
