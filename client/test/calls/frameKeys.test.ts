// Frame keys between devices: who gets which, from whom they are taken.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { nobleProvider } from '@carillon/messaging-core/e2ee';
import type { AccountId, CallId, DeviceId, Handle } from '@carillon/protocol';
import type { Joined } from '../../src/calls/core/roster.ts';
import { FrameKeys } from '../../src/calls/frameKeys.ts';
import { decodeKid, SFrameReceiver, SFrameSender } from '../../src/sframe/index.ts';
import { ContentHub, type Delivery, type TestAccount, TestChannel } from './contentHub.ts';

const callId = 'AAAAAAAAAAAAAAAAAAAAAA' as CallId;
const DEADLINE_MS = 5_000;
const devices: Device[] = [];

after(() => {
  for (const device of devices) device.keys.close();
});

/** A participant with the keys of its room, as its frame worker has them. */
class Device {
  readonly number: number;
  readonly self: TestAccount;
  readonly keys: FrameKeys;
  readonly channel: TestChannel;
  readonly receiver = new SFrameReceiver();
  sender: SFrameSender | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(hub: ContentHub, name: string, number: number, everyone: readonly TestAccount[]) {
    this.number = number;
    this.self = everyone.find((account) => account.name === name)!;
    this.channel = new TestChannel(this.self, everyone, (delivery: Delivery) => hub.send(delivery));
    hub.connect(this.self, (delivery) => setImmediate(() => this.channel.deliver(delivery)));
    this.keys = new FrameKeys({ callId, channel: this.channel, crypto: nobleProvider });
    this.keys.subscribe({
      sending: (kid, key) =>
        this.#then(async () => {
          if (this.sender) await this.sender.setKey(kid, key);
          else this.sender = await SFrameSender.create({ kid, baseKey: key });
        }),
      receiving: (kid, key) => this.#then(() => this.receiver.setKey(kid, key)),
      forget: (participant) => this.receiver.removeParticipant(participant),
    });
    devices.push(this);
  }

  get joined(): Joined {
    return { device: { accountId: this.self.accountId, deviceId: this.self.deviceId }, number: this.number };
  }

  meets(...others: Device[]): void {
    this.keys.setMembers(
      this.number,
      others.map(({ joined }) => joined),
    );
  }

  async frame(): Promise<Uint8Array<ArrayBuffer>> {
    return this.sender!.encrypt(new Uint8Array([1, 2, 3]), new Uint8Array());
  }

  async opens(frame: Uint8Array<ArrayBuffer>, from: Device): Promise<boolean> {
    return this.receiver.decrypt(frame, new Uint8Array(), from.number).then(
      () => true,
      () => false,
    );
  }

  #then(run: () => Promise<void>): void {
    this.#work = this.#work.then(run);
  }
}

function room(...names: string[]): Device[] {
  const hub = new ContentHub();
  const everyone = names.map((name) => {
    const id = { accountId: name as AccountId, deviceId: 1 as DeviceId, handle: name as Handle };
    return { ...id, name, token: '' };
  });
  return names.map((name, index) => new Device(hub, name, index + 1, everyone));
}

async function eventually(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await probe())) {
    assert.ok(performance.now() < deadline, what);
    await pause(10);
  }
}

const hears = (to: Device, from: Device) =>
  eventually(
    `${to.self.name} opens ${from.self.name}`,
    async () => from.sender !== undefined && (await to.opens(await from.frame(), from)),
  );

test('[SFRAME-20] [SFRAME-21] who joins opens nothing of before; who left opens nothing of after', async () => {
  const [ana, bo, cy] = room('ana', 'bo', 'cy') as [Device, Device, Device];
  ana.meets(bo);
  bo.meets(ana);
  await Promise.all([hears(ana, bo), hears(bo, ana)]);
  const before = await ana.frame();

  ana.meets(bo, cy);
  bo.meets(ana, cy);
  cy.meets(ana, bo);
  await Promise.all([hears(cy, ana), hears(cy, bo), hears(ana, cy), hears(bo, cy), hears(bo, ana)]);
  assert.equal(await cy.opens(before, ana), false);

  const kid = ana.sender!.kid;
  ana.meets(cy);
  cy.meets(ana);
  await eventually('a fresh key', () => decodeKid(ana.sender!.kid).generation > decodeKid(kid).generation);
  await hears(cy, ana);
  assert.equal(await bo.opens(await ana.frame(), ana), false);
});

test('[SFRAME-5] a key is taken only from the device that the roster names under its number', async () => {
  const [ana, bo, eve] = room('ana', 'bo', 'eve') as [Device, Device, Device];
  bo.meets(ana, eve);
  eve.meets(bo);
  await hears(bo, eve);
  // Eve is in the room, and claims ana's number.
  const value = { callId, number: ana.number, generation: 0, step: 0, key: new Uint8Array(32).fill(9) };
  await eve.channel.sendToDevice(bo.joined.device, { case: 'frameKey', value });
  const forged = await SFrameSender.create({ kid: BigInt(ana.number) << 16n, baseKey: value.key });
  await pause(50);
  assert.equal(await bo.opens(await forged.encrypt(new Uint8Array(3), new Uint8Array()), ana), false);
});

test('a key that overtakes the roster is kept for it', async () => {
  const [ana, bo] = room('ana', 'bo') as [Device, Device];
  ana.meets(bo);
  await pause(50);
  bo.meets(ana);
  await hears(bo, ana);
});

test('a device that starts over is sent the keys it has lost', async () => {
  const hub = new ContentHub();
  const everyone = ['ana', 'bo'].map((name) => ({
    ...{ accountId: name as AccountId, deviceId: 1 as DeviceId, handle: name as Handle, name, token: '' },
  }));
  const ana = new Device(hub, 'ana', 1, everyone);
  const bo = new Device(hub, 'bo', 2, everyone);
  ana.meets(bo);
  bo.meets(ana);
  await Promise.all([hears(ana, bo), hears(bo, ana)]);
  bo.keys.close();
  const again = new Device(hub, 'bo', 2, everyone);
  again.meets(ana);
  await Promise.all([hears(ana, again), hears(again, ana)]);
});
