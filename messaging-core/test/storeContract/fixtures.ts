// What the parts of the store contract make their data of.
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import {
  type AccountId,
  type Address,
  bytesToBase64url,
  type GroupId,
  type GroupRoleName,
  type GroupRoster,
  type Handle,
  type MessageId,
} from '@carillon/protocol';
import type {
  DeviceListRecord,
  GroupChangeRecord,
  KemPrekeyRecord,
  MessagingStore,
  NewDevice,
  NewGroupMessage,
  NewMessage,
  QueuedEnvelope,
  QueueLimits,
} from '../../src/core/messagingStore.ts';

export interface StoreUnderTest {
  readonly store: MessagingStore;
  /** The same data after a clean close. */
  reopen(): Promise<MessagingStore>;
}

export type OpenStore = (t: TestContext) => Promise<StoreUnderTest>;
export type Contract = (title: string, run: (under: StoreUnderTest) => Promise<void>) => void;

export const contractOf =
  (name: string, open: OpenStore): Contract =>
  (title, run) =>
    test(`${name}: ${title}`, async (t) => run(await open(t)));

export const NOW = 1_800_000_000_000;
export const ROOMY: QueueLimits = { messagesMax: 1000, bytesMax: 1 << 20, senderPercent: 100 };
export const newId = () => bytesToBase64url(randomBytes(16));

const bytes = (length: number) => new Uint8Array(randomBytes(length));

export const kemPrekey = (id: number): KemPrekeyRecord => ({ id, publicKey: bytes(1568), signature: bytes(64) });

export function newDevice(oneTimePrekeys = 0, kemPrekeys = 0): NewDevice {
  return {
    identityKey: bytes(32),
    signedPrekey: { id: 1, publicKey: bytes(32), signature: bytes(64) },
    oneTimePrekeys: Array.from({ length: oneTimePrekeys }, (_, i) => ({ id: i + 1, publicKey: bytes(32) })),
    kemPrekeys: Array.from({ length: kemPrekeys }, (_, i) => kemPrekey(i + 1)),
    lastResortKemPrekey: kemPrekey(1000),
  };
}

export async function register(store: MessagingStore, handle: string, device = newDevice()): Promise<Address> {
  return (await store.registerDevice(handle as Handle, newId() as AccountId, device, NOW)).address;
}

export const deviceList = (revision: number, ...devices: readonly NewDevice[]): DeviceListRecord => ({
  revision,
  identityKeys: devices.map((device) => device.identityKey),
  signature: bytes(64),
});

/** A second device of an account that has one. */
export async function link(store: MessagingStore, primary: Address, primaryDevice: NewDevice): Promise<Address> {
  const device = newDevice();
  const outcome = await store.linkDevice(primary.accountId, device, deviceList(1, primaryDevice, device), 5, NOW);
  if (outcome.type !== 'linked') throw new Error(outcome.type);
  return outcome.address;
}

export function newMessage(from: Address, to: Address, change: Partial<NewMessage> = {}): NewMessage {
  return {
    from,
    messageId: newId() as MessageId,
    to: to.accountId,
    urgent: false,
    acceptedAtMs: NOW,
    expiresAtMs: NOW + 1000,
    envelopes: [{ deviceId: to.deviceId, kind: 2, ciphertext: new Uint8Array([1, 2, 3]) }],
    ...change,
  };
}

export const page = (
  store: MessagingStore,
  address: Address,
  change: { urgent?: boolean; afterSeq?: number; nowMs?: number; limit?: number } = {},
) => store.page(address, { urgent: false, afterSeq: 0, limit: 100, nowMs: NOW, ...change });

/** Without what one engine may choose otherwise than another. */
export const plain = ({ seq: _, ciphertext, ...rest }: QueuedEnvelope) => ({ ...rest, ciphertext: [...ciphertext] });

export function roster(
  members: readonly Address[],
  revision = 1,
  groupId = `g${newId()}` as GroupId,
): GroupRoster & { members: ReadonlyMap<AccountId, GroupRoleName> } {
  const [admin] = members;
  const roleOf = ({ accountId }: Address) => (accountId === admin!.accountId ? 'admin' : 'member');
  return { groupId, revision, members: new Map(members.map((address) => [address.accountId, roleOf(address)])) };
}

export const change = (revision: number): GroupChangeRecord => ({ revision, signedChange: bytes(40) });

/** A new group of these devices' accounts, its first an administrator. */
export async function group(store: MessagingStore, members: readonly Address[]): Promise<GroupRoster> {
  const made = roster(members);
  await store.createGroup({ roster: made, devicesRevision: 1, sealedState: bytes(10) }, change(1));
  return made;
}

export async function groupMessage(
  store: MessagingStore,
  from: Address,
  groupId: GroupId,
  other: Partial<NewGroupMessage> = {},
): Promise<NewGroupMessage> {
  const found = await store.group(groupId);
  return {
    from,
    messageId: newId() as MessageId,
    groupId,
    rosterRevision: found?.roster.revision ?? 1,
    devicesRevision: found?.devicesRevision ?? 1,
    urgent: false,
    acceptedAtMs: NOW,
    expiresAtMs: NOW + 1000,
    ciphertext: new Uint8Array([4, 5, 6]),
    ...other,
  };
}

export const fanOut = (store: MessagingStore, devicesMax = 100, limits = ROOMY, nowMs = NOW) =>
  store.fanOut({ node: 'node', leaseMs: 10_000, devicesMax, limits, nowMs });

/** Until nothing waits; the addresses reached, in order. */
export async function fanOutAll(store: MessagingStore, limits = ROOMY): Promise<Address[]> {
  const reached: Address[] = [];
  for (let steps = 0; steps < 1000; steps++) {
    const step = await fanOut(store, 100, limits);
    reached.push(...step.reached.map(({ address }) => address));
    if (!step.more) return reached;
  }
  throw new Error('the fan-out does not end');
}
