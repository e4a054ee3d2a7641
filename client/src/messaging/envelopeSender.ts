// One content to every device of an account: sessions are started where there
// are none, each device gets its own ciphertext, and a stale device list is
// mended [MSG-5]. What was sealed is kept, so that a retry repeats the same
// bytes under the same message id [MSG-3].
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  type Bundles,
  type DeviceId,
  type MessageId,
  ProtocolError,
} from '@carillon/protocol';
import { type ContactRecord, hasChangedIdentity, readContact, writeContact } from '../contacts/contactRecord.ts';
import { readDeviceList } from '../contacts/deviceLists.ts';
import type { Directory } from '../contacts/directory.ts';
import { isMet, isTrusted, meetIdentity, meetList, withDevices } from '../contacts/trust.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { noteIdentityChange } from './identityNotice.ts';
import type { MessagingSocket } from './messagingSocket.ts';
import type { Sealed, Sessions } from './sessions.ts';

/** A device list that changes this often within one send is not an honest one. */
const MENDS_MAX = 4;

export interface Draft {
  readonly messageId: MessageId;
  readonly to: AccountId;
  readonly urgent: boolean;
  /** 0: the server's age limit. */
  readonly expiresAtMs: number;
  /** The padded content for a device. */
  encode(device: DeviceId): Uint8Array;
  /** Sealed before, for a retry. */
  readonly sealed: readonly Sealed[];
  /** Called in the transaction that moves the ratchets on. */
  keep?(tx: StoreTransaction, sealed: readonly Sealed[]): Promise<void>;
  /** Starts a new session with this device, whatever there is. */
  readonly freshSession?: DeviceId | undefined;
}

/** What the server has taken, for these devices. */
export interface Taken {
  readonly devices: DeviceId[];
  readonly acceptedAtMs: number;
}

export interface SenderParts {
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly local: Address;
  readonly crypto: CryptoProvider;
  readonly now: () => number;
  /** The server names a device of the own account that its primary has not signed for. */
  readonly onForeignDevice: () => void;
}

export class EnvelopeSender {
  readonly #parts: SenderParts;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Resolves with the devices once the server has it durably. @throws ProtocolError */
  async send(draft: Draft): Promise<Taken> {
    let { sealed } = draft;
    for (let mends = 0; ; mends++) {
      sealed = await this.#seal(draft, sealed);
      try {
        return await this.#request(draft, sealed);
      } catch (error) {
        const stale = error instanceof ProtocolError && error.code === 'stale-devices' && error.details.staleDevices;
        if (!stale || mends >= MENDS_MAX) throw error;
        sealed = sealed.filter(({ deviceId }) => !stale.gone.includes(deviceId));
        await this.#mend(draft.to, stale.missing as DeviceId[], stale.gone as DeviceId[]);
      }
    }
  }

  /**
   * Several to one account: sealed in one transaction, and sent one behind the
   * other before the first is answered. Undefined when something has to be looked up
   * or told first: then nothing has happened.
   */
  async sendAhead(to: AccountId, drafts: readonly Draft[]): Promise<(Taken | ProtocolError)[] | undefined> {
    const { ledger, sessions, local } = this.#parts;
    const ready = await ledger.change(async (tx) => {
      const contact = await readContact(tx, to);
      if (!contact || hasChangedIdentity(contact)) return undefined;
      const isTarget = (deviceId: DeviceId) => to !== local.accountId || deviceId !== local.deviceId;
      const targets = contact.devices.filter(isTarget);
      for (const deviceId of targets) {
        const identity = await sessions.identity(tx, { accountId: to, deviceId });
        if (!identity || !isMet(contact, deviceId) || !isTrusted(contact, identity)) return undefined;
      }
      if (targets.length === 0) return undefined;
      const all: (readonly Sealed[])[] = [];
      for (const draft of drafts) {
        const sealed = [...draft.sealed];
        const missing = targets.filter((deviceId) => !sealed.some((one) => one.deviceId === deviceId));
        for (const deviceId of missing) {
          sealed.push(await sessions.seal(tx, { accountId: to, deviceId }, draft.encode(deviceId)));
        }
        if (missing.length > 0) await draft.keep?.(tx, sealed);
        all.push(sealed);
      }
      return all;
    });
    if (!ready) return undefined;
    const answers = ready.map((sealed, i) => this.#request(drafts[i]!, sealed, drafts[i - 1]?.messageId));
    return Promise.all(
      answers.map((answer) =>
        answer.catch((error: unknown) => {
          if (error instanceof ProtocolError) return error;
          throw error;
        }),
      ),
    );
  }

  /** `after`: not answered yet; when it is refused, this one is to be refused, too [MSG-26]. */
  async #request(draft: Draft, sealed: readonly Sealed[], after?: MessageId): Promise<Taken> {
    const value = {
      messageId: draft.messageId,
      recipientAccountId: draft.to,
      envelopes: [...sealed],
      urgent: draft.urgent,
      expiresAtMs: BigInt(Math.trunc(draft.expiresAtMs)),
      ...(after === undefined ? {} : { afterMessageId: after }),
    };
    const reply = await this.#parts.socket.request({ case: 'send', value }, 'sent');
    return { devices: sealed.map(({ deviceId }) => deviceId as DeviceId), acceptedAtMs: Number(reply.acceptedAtMs) };
  }

  /** To the devices that there is a session with: once, and only to who is connected. @throws ProtocolError */
  async sendEphemeral(to: AccountId, messageId: MessageId, content: Uint8Array): Promise<void> {
    const { ledger, sessions, local, socket } = this.#parts;
    const envelopes = await ledger.change(async (tx) => {
      const contact = await readContact(tx, to);
      if (!contact || hasChangedIdentity(contact)) return [];
      const sealed: Sealed[] = [];
      for (const deviceId of contact.devices) {
        const remote = { accountId: to, deviceId };
        const isHere = to === local.accountId && deviceId === local.deviceId;
        const identity = isHere ? undefined : await sessions.identity(tx, remote);
        if (identity && isTrusted(contact, identity)) sealed.push(await sessions.seal(tx, remote, content));
      }
      return sealed;
    });
    if (envelopes.length === 0) return;
    const value = { messageId, recipientAccountId: to, envelopes, ephemeral: true };
    await socket.request({ case: 'send', value }, 'sent');
  }

  /** Makes sure that the identities of an account's devices are known. @throws ProtocolError */
  async meet(accountId: AccountId): Promise<ContactRecord> {
    const contact = await this.#parts.directory.byId(accountId);
    const strangers = contact.devices.filter((deviceId) => !isMet(contact, deviceId));
    if (strangers.length === 0) return contact;
    const bundles = await this.#fetchBundles(accountId, strangers);
    return this.#parts.ledger.change((tx, changes) => this.#takeBundles(tx, changes, accountId, bundles, undefined));
  }

  /** Adds what is missing: a ciphertext for each device that has none yet. */
  async #seal(draft: Draft, have: readonly Sealed[]): Promise<readonly Sealed[]> {
    const { ledger, directory, sessions, local } = this.#parts;
    let contact = await directory.byId(draft.to);
    if (contact.devices.length === 0) contact = await directory.refresh(draft.to);
    const isTarget = (deviceId: DeviceId) => draft.to !== local.accountId || deviceId !== local.deviceId;
    const targets = contact.devices.filter(isTarget);
    if (targets.length === 0) {
      throw new ProtocolError('device-unknown', { words: `${contact.name} has no device to send to.` });
    }
    const missing = targets.filter((deviceId) => !have.some((sealed) => sealed.deviceId === deviceId));
    const strangers = await ledger.read(async (tx) => {
      const without: DeviceId[] = [];
      for (const deviceId of missing) {
        const known = isMet(contact, deviceId) && (await sessions.has(tx, { accountId: draft.to, deviceId }));
        if (!known || deviceId === draft.freshSession) without.push(deviceId);
      }
      return without;
    });
    const bundles = strangers.length > 0 ? await this.#fetchBundles(draft.to, strangers) : undefined;
    const outcome = await ledger.change(async (tx, changes) => {
      const met = await this.#takeBundles(tx, changes, draft.to, bundles, draft.freshSession);
      if (hasChangedIdentity(met) || !(await this.#isSafe(tx, changes, met, missing))) return undefined;
      if (missing.length === 0) return have;
      const sealed = [...have];
      for (const deviceId of missing) {
        const remote = { accountId: draft.to, deviceId };
        if (await sessions.has(tx, remote)) sealed.push(await sessions.seal(tx, remote, draft.encode(deviceId)));
      }
      await draft.keep?.(tx, sealed);
      return sealed;
    });
    if (!outcome) throw new ProtocolError('identity-changed');
    return outcome;
  }

  async #fetchBundles(accountId: AccountId, devices: readonly DeviceId[]): Promise<Bundles> {
    const { socket } = this.#parts;
    const reply = await socket.request(
      { case: 'fetchBundles', value: { accountId, deviceIds: [...devices] } },
      'bundles',
    );
    // Only what was asked for: an identity slipped in here would pass for met later.
    reply.devices = reply.devices.filter(
      ({ deviceId, signedPrekey, kemPrekey }) => signedPrekey && kemPrekey && devices.includes(deviceId as DeviceId),
    );
    return reply;
  }

  async #takeBundles(
    tx: StoreTransaction,
    changes: Changes,
    accountId: AccountId,
    bundles: Bundles | undefined,
    fresh: DeviceId | undefined,
  ): Promise<ContactRecord> {
    const { sessions, crypto } = this.#parts;
    const before = await readContact(tx, accountId);
    if (!before) throw new ProtocolError('account-unknown');
    let contact = before;
    if (bundles) contact = meetList(contact, readDeviceList(crypto, accountId, bundles.deviceList));
    let isNews = false;
    for (const bundle of bundles?.devices ?? []) {
      const remote: Address = { accountId, deviceId: bundle.deviceId as DeviceId };
      const met = meetIdentity(contact, remote.deviceId, bundle.identityKey);
      contact = met.record;
      isNews ||= met.isNews && met.trust === 'changed';
      const { signedPrekey, oneTimePrekey, kemPrekey } = bundle;
      // A session that the other side started meanwhile is as good.
      if (signedPrekey && kemPrekey && (remote.deviceId === fresh || !(await sessions.has(tx, remote)))) {
        await sessions.start(tx, remote, { identityKey: bundle.identityKey, signedPrekey, oneTimePrekey, kemPrekey });
      }
    }
    if (contact !== before) await writeContact(tx, contact);
    // A list may also have taken a device off that the server still names.
    if (isNews || (hasChangedIdentity(contact) && !hasChangedIdentity(before))) {
      await this.#noteChange(tx, changes, contact);
    }
    return contact;
  }

  /** A session is with the identity that it began with, whatever the server says of its device since. */
  async #isSafe(
    tx: StoreTransaction,
    changes: Changes,
    contact: ContactRecord,
    devices: readonly DeviceId[],
  ): Promise<boolean> {
    for (const deviceId of devices) {
      const identity = await this.#parts.sessions.identity(tx, { accountId: contact.accountId, deviceId });
      if (!identity || isTrusted(contact, identity)) continue;
      const { record } = meetIdentity(contact, deviceId, identity);
      await writeContact(tx, record);
      await this.#noteChange(tx, changes, record);
      return false;
    }
    return true;
  }

  async #noteChange(tx: StoreTransaction, changes: Changes, contact: ContactRecord): Promise<void> {
    const { local, now, onForeignDevice } = this.#parts;
    if (contact.accountId === local.accountId) onForeignDevice();
    else await noteIdentityChange(tx, changes, contact, now());
  }

  async #mend(accountId: AccountId, missing: readonly DeviceId[], gone: readonly DeviceId[]): Promise<void> {
    const { ledger, directory } = this.#parts;
    // The list without them; that of new ones comes with their bundles.
    if (gone.length > 0) await directory.refresh(accountId);
    await ledger.change(async (tx) => {
      const contact = await readContact(tx, accountId);
      if (!contact) return;
      const left = contact.devices.filter((deviceId) => !gone.includes(deviceId));
      // Sessions with those that are gone stay: without them their first messages would open again.
      await writeContact(tx, withDevices(contact, [...new Set([...left, ...missing])]));
    });
  }
}
