// Which devices an account has is its primary's word, not the server's.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { clone, create } from '@bufbuild/protobuf';
import { createIdentity, signDeviceList } from '@carillon/messaging-core/e2ee';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import {
  type Delivery,
  DeliverySchema,
  type DeviceBundle,
  DeviceBundleSchema,
  type DeviceId,
  type SignedDeviceList,
  SignedDeviceListSchema,
} from '@carillon/protocol';
import type { Carillon } from '../../src/carillon.ts';
import { linkDevice } from './linking.ts';
import { LyingServer } from './lyingServer.ts';
import { Stage, until } from './stage.ts';
import { find, idOf, reaches, shows, textsOf } from './watching.ts';

describe('a server that lies about devices', () => {
  let stage: Stage;
  let server: LyingServer;
  let ann: Carillon;
  let bob: Carillon;
  let eve: Carillon;
  beforeEach(async () => {
    stage = await new Stage().start();
    server = new LyingServer();
    ann = await stage.person('ann', { platform: { WebSocket: server.WebSocket } });
    bob = await stage.person('bob');
    eve = await stage.person('eve');
    await ann.startConversation('eve');
    await ann.startConversation('bob');
  });
  afterEach(() => stage.stop());

  const isHeld = () =>
    until(ann, 'conversation', async () => {
      const theirs = (await ann.conversations()).find((one) => one.with?.accountId === idOf(bob));
      return theirs?.identityChanged === true;
    });

  /** From now on the server says that Bob has Eve's device, too; `list` is what it shows for it. */
  async function slipIn(list?: () => SignedDeviceList): Promise<void> {
    let slippedIn: DeviceBundle | undefined;
    server.lie = ({ body }) => {
      if (body.case !== 'bundles') return;
      if (body.value.accountId === idOf(eve)) slippedIn = { ...body.value.devices[0]!, deviceId: 77 };
    };
    await ann.safetyNumber(idOf(eve));
    assert.ok(slippedIn);
    const bundle = slippedIn;
    server.lie = ({ body }) => {
      if (body.case === 'account' && body.value.handle === 'bob') {
        body.value.deviceIds = [...body.value.deviceIds, 77];
        if (list) body.value.deviceList = list();
      }
      if (body.case !== 'bundles' || body.value.accountId !== idOf(bob)) return;
      body.value.devices.push(clone(DeviceBundleSchema, bundle));
      if (list) body.value.deviceList = list();
    };
    await ann.startConversation('bob');
  }

  test('[E2EE-13] a device that the primary has not signed for: told, and nothing is sent', async () => {
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');
    const number = await ann.safetyNumber(idOf(bob));
    assert.equal(number, await bob.safetyNumber(idOf(ann)));
    await slipIn();
    const held = await ann.sendText(idOf(bob), 'for Bob only');
    await isHeld();
    assert.equal((await find(ann, held))?.status, 'sending');
    assert.notEqual(await ann.safetyNumber(idOf(bob)), number);
  });

  test('[E2EE-13] a list that another key has signed is worth nothing', async () => {
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');
    const mallory = createIdentity(nativeProvider);
    const other = createIdentity(nativeProvider);
    const list = signDeviceList(nativeProvider, mallory, idOf(bob), 9, [other.publicKey]);
    await slipIn(() => create(SignedDeviceListSchema, list as never));
    await ann.sendText(idOf(bob), 'for Bob only');
    await isHeld();
    assert.deepEqual(await textsOf(bob, ann), ['hello']);
  });

  test('[E2EE-13] an old list does not bring a removed device back', async () => {
    const desk = await linkDevice(stage, bob, 'desk');
    let old: SignedDeviceList | undefined;
    server.lie = ({ body }) => {
      if (body.case === 'account' && body.value.handle === 'bob') old = body.value.deviceList;
    };
    await ann.startConversation('bob');
    assert.equal(old?.revision, 1);
    await reaches(ann, await ann.sendText(idOf(bob), 'to both'), 'delivered');
    await shows(desk, ann, 'to both');
    await bob.removeDevice(desk.account!.deviceId);
    await reaches(ann, await ann.sendText(idOf(bob), 'to one'), 'delivered');

    const replayed = old!;
    server.lie = ({ body }) => {
      if (body.case === 'account' && body.value.handle === 'bob') {
        body.value.deviceIds = [1, 2];
        body.value.deviceList = replayed;
      }
    };
    // Its session is there still; it is not used.
    await ann.startConversation('bob');
    const after = await ann.sendText(idOf(bob), 'still to one');
    await isHeld();
    assert.equal((await find(ann, after))?.status, 'sending');
    assert.deepEqual(await textsOf(desk, ann), ['to both']);
  });

  test('[DEV-3] [DEV-6] a device that the server adds to the own account gets nothing, and is not signed for', async () => {
    const laptop = await linkDevice(stage, ann, 'laptop');
    await until(ann, 'devices', async () => (await ann.devices()).length === 2);
    const told: string[] = [];
    ann.on('notice', ({ code }) => told.push(code));
    const stranger = createIdentity(nativeProvider);
    server.lie = ({ body }) => {
      if (body.case === 'ownDevices') {
        const [first] = body.value.devices;
        body.value.devices.push({ ...first!, deviceId: 77, identityKey: stranger.publicKey });
      }
    };
    const tablet = await stage.device('ann-tablet');
    const offer = await tablet.beginLink('tablet');
    await assert.rejects(ann.approveLink(offer.code), /never linked here/);
    await assert.rejects(ann.removeDevice(laptop.account!.deviceId), /never linked here/);
    offer.cancel();
    // What was sent on the phone is for the laptop; a copy for nobody else.
    server.lie = ({ body }) => {
      if (body.case === 'bundles' && body.value.accountId === idOf(ann)) {
        for (const device of body.value.devices) device.identityKey = stranger.publicKey;
      }
    };
    const forged = 77 as DeviceId;
    assert.ok(!(await ann.devices()).some(({ deviceId }) => deviceId === forged));
    await reaches(ann, await ann.sendText(idOf(bob), 'hello'), 'delivered');
    await shows(laptop, bob, 'hello');
  });

  test('[DEV-5] what a removed device has said of the settings counts no more, whenever the server brings it', async () => {
    const laptop = await linkDevice(stage, ann, 'laptop');
    await until(ann, 'devices', async () => (await ann.devices()).length === 2);
    await reaches(laptop, await laptop.sendText(idOf(bob), 'all told'), 'delivered');
    await shows(ann, bob, 'all told');
    /** The server keeps back what the laptop says next, and brings it in place of Bob's next message. */
    const keptBack = async (say: () => Promise<unknown>) => {
      let kept: Delivery | undefined;
      const held = new Promise<void>((resolve) => {
        server.lie = ({ body }) => {
          if (body.case !== 'delivery' || body.value.from?.accountId !== idOf(ann)) return;
          kept = clone(DeliverySchema, body.value);
          body.value.messageId = '';
          resolve();
        };
      });
      await say();
      await held;
      return async (then: string) => {
        server.lie = ({ body }) => {
          if (body.case !== 'delivery' || body.value.from?.accountId !== idOf(bob)) return;
          server.lie = () => {};
          body.value = { ...kept!, seq: body.value.seq };
        };
        await bob.sendText(idOf(ann), 'lost');
        await bob.sendText(idOf(ann), then);
        await shows(ann, bob, then);
      };
    };
    const bringOff = await keptBack(() => laptop.setSettings({ readReceipts: false }));
    await bringOff('one');
    assert.equal(ann.settings.readReceipts, false, 'while it is one of theirs');
    const bringOn = await keptBack(() => laptop.setSettings({ readReceipts: true }));
    await ann.removeDevice(laptop.account!.deviceId);
    await bringOn('two');
    assert.equal(ann.settings.readReceipts, false);
  });
});
