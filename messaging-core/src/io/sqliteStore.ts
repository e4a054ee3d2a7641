// The embedded adapter of the store port: SQLite in this process, WAL with
// synchronous FULL. A write's promise resolves after the commit that holds it.
import { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address, DeviceId, Handle, MessageId } from '@carillon/protocol';
import { deviceDifference } from '../core/deviceList.ts';
import type {
  AccountRecord,
  BundleRecord,
  DeviceLookup,
  EnqueueOutcome,
  EnvelopeKindCode,
  MessagingStore,
  NewDevice,
  NewMessage,
  OneTimePrekeyRecord,
  PageQuery,
  QueuedEnvelope,
  QueueLimits,
  RegisteredDevice,
  SignedPrekeyRecord,
  SweepLimits,
} from '../core/messagingStore.ts';
import { GroupCommit } from './groupCommit.ts';
import { prepareDatabase } from './sqliteSchema.ts';
import { type AccountRow, type DeviceRow, prepareStatements, type Statements } from './sqliteStatements.ts';

/** Rows one sweep deletes at most: bounds how long it holds up sends. */
const SWEEP_ROWS_MAX = 500;

export class SqliteStore implements MessagingStore {
  readonly #db: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #sql: Statements;

  /** @param file Path of the database, created if absent. @throws Error in words when it cannot be used */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    try {
      prepareDatabase(this.#db);
      this.#sql = prepareStatements(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#commits = new GroupCommit(this.#db);
  }

  registerDevice(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
    return this.#commits.write(() => {
      let account = this.#sql.accountByHandle.get(handle);
      if (!account) {
        this.#sql.addAccount.run(newAccountId, handle, nowMs);
        account = { account_id: newAccountId, handle, last_device_id: 0 };
      }
      const removed = this.#sql.devices.all(account.account_id).map((row) => row.device_id as DeviceId);
      this.#sql.removeDevices.run(account.account_id);
      const deviceId = account.last_device_id + 1;
      this.#sql.setLastDeviceId.run(deviceId, account.account_id);
      const { id, publicKey, signature } = device.signedPrekey;
      const added = this.#sql.addDevice.get(
        account.account_id,
        deviceId,
        device.name,
        device.identityKey,
        id,
        publicKey,
        signature,
        nowMs,
      )!;
      for (const prekey of device.oneTimePrekeys)
        this.#sql.addPrekey.run(added.device_key, prekey.id, prekey.publicKey);
      return {
        address: { accountId: account.account_id as AccountId, deviceId: deviceId as DeviceId },
        removed,
      };
    });
  }

  async accountByHandle(handle: Handle): Promise<AccountRecord | undefined> {
    return this.#accountRecord(this.#sql.accountByHandle.get(handle));
  }

  async accountById(accountId: AccountId): Promise<AccountRecord | undefined> {
    return this.#accountRecord(this.#sql.accountById.get(accountId));
  }

  async device(address: Address): Promise<DeviceLookup> {
    const account = this.#sql.accountById.get(address.accountId);
    if (!account) return { type: 'unknown' };
    const row = this.#sql.device.get(address.accountId, address.deviceId);
    if (!row) return { type: address.deviceId <= account.last_device_id ? 'removed' : 'unknown' };
    return {
      type: 'present',
      identityKey: row.identity_key,
      handle: account.handle as Handle,
      oneTimePrekeys: this.#sql.countPrekeys.get(row.device_key)!.count,
    };
  }

  publishPrekeys(
    address: Address,
    signed: SignedPrekeyRecord | undefined,
    oneTime: readonly OneTimePrekeyRecord[],
    oneTimeMax: number,
  ): Promise<number | undefined> {
    return this.#commits.write(() => {
      const device = this.#sql.device.get(address.accountId, address.deviceId);
      if (!device) return undefined;
      if (signed) this.#sql.setSignedPrekey.run(signed.id, signed.publicKey, signed.signature, device.device_key);
      let held = this.#sql.countPrekeys.get(device.device_key)!.count;
      for (const prekey of oneTime) {
        if (held >= oneTimeMax) break;
        held += this.#sql.addPrekey.run(device.device_key, prekey.id, prekey.publicKey);
      }
      return held;
    });
  }

  takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<readonly BundleRecord[] | undefined> {
    return this.#commits.write(() => {
      if (!this.#sql.accountById.get(accountId)) return undefined;
      return this.#sql.devices
        .all(accountId)
        .filter((row) => deviceIds.length === 0 || deviceIds.includes(row.device_id as DeviceId))
        .map((row): BundleRecord => {
          const prekey = this.#sql.takePrekey.get(row.device_key);
          return {
            deviceId: row.device_id as DeviceId,
            identityKey: row.identity_key,
            signedPrekey: {
              id: row.signed_prekey_id,
              publicKey: row.signed_prekey,
              signature: row.signed_prekey_signature,
            },
            oneTimePrekey: prekey && { id: prekey.prekey_id, publicKey: prekey.public_key },
            oneTimePrekeysLeft: this.#sql.countPrekeys.get(row.device_key)!.count,
          };
        });
    });
  }

  enqueue(message: NewMessage, limits: QueueLimits): Promise<EnqueueOutcome> {
    return this.#commits.write(() => this.#enqueue(message, limits));
  }

  #enqueue(message: NewMessage, limits: QueueLimits): EnqueueOutcome {
    const { from, messageId, to, envelopes, acceptedAtMs } = message;
    const sender = this.#sql.device.get(from.accountId, from.deviceId);
    if (!sender) return { type: 'sender-removed' };
    // Before all else: a repeat is answered as it was, even if the recipient's devices have changed since.
    const accepted = this.#sql.accepted.get(sender.device_key, messageId, to);
    if (accepted) return { type: 'repeated', acceptedAtMs: accepted.accepted_at_ms };
    if (!this.#sql.accountById.get(to)) return { type: 'account-unknown' };
    const devices = this.#sql.devices.all(to);
    const difference = deviceDifference(
      envelopes.map((envelope) => envelope.deviceId),
      { accountId: to, deviceIds: devices.map((row) => row.device_id as DeviceId) },
      from,
    );
    if (difference) return { type: 'stale-devices', difference };
    const targets = envelopes.map((envelope) => ({
      envelope,
      device: devices.find((row) => row.device_id === envelope.deviceId)!,
    }));
    for (const { envelope, device } of targets) {
      if (!this.#hasRoom(device, envelope.ciphertext.length, limits, acceptedAtMs))
        return { type: 'queue-full', deviceId: envelope.deviceId };
    }
    for (const { envelope, device } of targets) {
      const seq = device.last_seq + 1;
      this.#sql.setLastSeq.run(seq, device.device_key);
      this.#sql.addEnvelope.run(
        device.device_key,
        seq,
        message.urgent ? 1 : 0,
        messageId,
        from.accountId,
        from.deviceId,
        envelope.kind,
        envelope.ciphertext,
        acceptedAtMs,
        message.expiresAtMs,
      );
    }
    this.#sql.addAccepted.run(sender.device_key, messageId, to, acceptedAtMs);
    return { type: 'stored', acceptedAtMs };
  }

  #hasRoom(device: DeviceRow, bytes: number, limits: QueueLimits, nowMs: number): boolean {
    const fits = (queued: { queued_messages: number; queued_bytes: number }) =>
      queued.queued_messages < limits.messagesMax && queued.queued_bytes + bytes <= limits.bytesMax;
    if (fits(device)) return true;
    // What nobody will read any more does not count.
    if (this.#sql.dropExpiredOf.run(device.device_key, nowMs) === 0) return false;
    return fits(this.#sql.deviceByKey.get(device.device_key)!);
  }

  async page(address: Address, query: PageQuery): Promise<readonly QueuedEnvelope[]> {
    const device = query.limit > 0 ? this.#sql.device.get(address.accountId, address.deviceId) : undefined;
    if (!device) return [];
    const rows = this.#sql.page.all(device.device_key, query.urgent ? 1 : 0, query.afterSeq, query.nowMs, query.limit);
    return rows.map((row) => ({
      seq: row.seq,
      urgent: query.urgent,
      messageId: row.message_id as MessageId,
      from: { accountId: row.from_account_id as AccountId, deviceId: row.from_device_id as DeviceId },
      kind: row.kind as EnvelopeKindCode,
      ciphertext: row.ciphertext,
      acceptedAtMs: row.accepted_at_ms,
    }));
  }

  acknowledge(address: Address, seqs: readonly number[]): Promise<void> {
    return this.#commits.write(() => {
      const device = this.#sql.device.get(address.accountId, address.deviceId);
      if (device) for (const seq of seqs) this.#sql.acknowledge.run(device.device_key, seq);
    });
  }

  sweep({ nowMs, forgetIdsBeforeMs, rememberedIdsMax }: SweepLimits): Promise<boolean> {
    return this.#commits.write(() => {
      const expired = this.#sql.dropExpired.run(nowMs, SWEEP_ROWS_MAX);
      const tooOld = (this.#sql.newestAccepted.get()?.newest ?? 0) - rememberedIdsMax;
      const forgotten = this.#sql.forgetAccepted.run(forgetIdsBeforeMs, tooOld, SWEEP_ROWS_MAX);
      return expired === SWEEP_ROWS_MAX || forgotten === SWEEP_ROWS_MAX;
    });
  }

  problem(): string | undefined {
    return this.#commits.problem;
  }

  async close(): Promise<void> {
    if (!this.#db.isOpen) return;
    this.#commits.close();
    this.#db.close();
  }

  #accountRecord(row: AccountRow | undefined): AccountRecord | undefined {
    if (!row) return undefined;
    return {
      accountId: row.account_id as AccountId,
      handle: row.handle as Handle,
      deviceIds: this.#sql.devices.all(row.account_id).map((device) => device.device_id as DeviceId),
    };
  }
}
