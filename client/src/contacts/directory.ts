// Finding people: the server's directory says which handle an account has and
// which devices; what was found is remembered.
import {
  type AccountFound,
  type AccountId,
  type DeviceId,
  type Handle,
  handleSchema,
  ProtocolError,
} from '@carillon/protocol';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { type ContactRecord, newContact, readContact, writeContact } from './contactRecord.ts';

/** A person who looks for somebody right after the app opened should not be refused. */
const CONNECT_WAIT_MS = 5_000;

export class Directory {
  readonly #ledger: Ledger;
  readonly #socket: MessagingSocket;

  constructor(ledger: Ledger, socket: MessagingSocket) {
    this.#ledger = ledger;
    this.#socket = socket;
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

  async #find(by: { handle: Handle } | { accountId: AccountId }): Promise<ContactRecord> {
    await this.#socket.settle(CONNECT_WAIT_MS);
    const found = await this.#socket.request({ case: 'findAccount', value: by }, 'account');
    return this.#ledger.change((tx, changes) => remember(tx, changes, found));
  }

  async #remembered(handle: Handle): Promise<ContactRecord | undefined> {
    const all = await this.#ledger.read((tx) => tx.list<ContactRecord>('contacts'));
    return all.find(({ value }) => value.handle === handle)?.value;
  }
}

async function remember(tx: StoreTransaction, changes: Changes, found: AccountFound): Promise<ContactRecord> {
  const accountId = found.accountId as AccountId;
  const handle = found.handle as Handle;
  const devices = found.deviceIds as DeviceId[];
  const old = await readContact(tx, accountId);
  const record = old ? { ...old, handle, devices } : newContact(accountId, handle, devices);
  await writeContact(tx, record);
  if (old && old.handle !== handle) changes.conversation(accountId);
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
