// One account on several devices, over the real services.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { bytesToBase64url } from '@carillon/protocol';
import type { Carillon } from '../../src/carillon.ts';
import type { ContentChannel } from '../../src/messaging/contentChannel.ts';
import type { HistoryProgress, OwnDeviceView } from '../../src/model.ts';
import { noCalls } from '../../src/noCalls.ts';
import { linkDevice, linkedTo } from './linking.ts';
import { Stage, until } from './stage.ts';
import { find, goesOffline, idOf, messagesOf, reaches, shows, textsOf } from './watching.ts';

const BOB = 'bob';

describe('one account, several devices', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  const link = (primary: Carillon, name: string) => linkDevice(stage, primary, name);

  test('[DEV-2] a device is linked by its code; both know each other, and peers trust it unasked', async () => {
    const [phone, bob] = [await stage.person('ann'), await stage.person(BOB)];
    await phone.startConversation(BOB);
    await reaches(phone, await phone.sendText(idOf(bob), 'from the phone'), 'delivered');
    const number = await bob.safetyNumber(idOf(phone));
    const laptop = await link(phone, 'laptop');
    assert.equal(idOf(laptop), idOf(phone));
    assert.equal(laptop.account?.name, phone.account?.name);
    const names = (views: readonly OwnDeviceView[]) =>
      views.map(({ name, primary, current }) => `${name}${primary ? ' main' : ''}${current ? ' here' : ''}`);
    await until(phone, 'devices', async () => names(await phone.devices()).includes('laptop'));
    assert.deepEqual(names(await phone.devices()), [' main here', 'laptop']);
    assert.deepEqual(names(await laptop.devices()), [' main', 'laptop here']);

    await laptop.startConversation(BOB);
    await reaches(laptop, await laptop.sendText(idOf(bob), 'from the laptop'), 'delivered');
    await shows(bob, phone, 'from the laptop');
    await reaches(bob, await bob.sendText(idOf(phone), 'to both'), 'delivered');
    await Promise.all([shows(phone, bob, 'to both'), shows(laptop, bob, 'to both')]);
    assert.equal((await bob.conversations())[0]?.identityChanged, false);
    // Two primaries make the number: it is the same before, after, and on each device.
    assert.equal(await bob.safetyNumber(idOf(phone)), number);
    assert.equal(await phone.safetyNumber(idOf(bob)), number);
    assert.equal(await laptop.safetyNumber(idOf(bob)), number);
    // The code that any device of one shows, any device of the other may scan.
    assert.equal(await bob.compareSafetyCode(idOf(phone), await laptop.safetyCode(idOf(bob))), 'same');
    assert.equal(await laptop.compareSafetyCode(idOf(bob), await bob.safetyCode(idOf(phone))), 'same');
    assert.equal(await bob.compareSafetyCode(idOf(phone), await bob.safetyCode(idOf(phone))), 'other-people');
  });

  test('[DEV-3] what one device sends stands on the others, with its ticks; what is read on one is read on all', async () => {
    const [phone, bob] = [await stage.person('ann'), await stage.person(BOB)];
    const laptop = await link(phone, 'laptop');
    await phone.startConversation(BOB);
    const sent = await phone.sendText(idOf(bob), 'hello');
    await shows(laptop, bob, 'hello');
    const copy = (await messagesOf(laptop, bob)).find(({ id }) => id === sent.id);
    assert.equal(copy?.outgoing, true);
    await Promise.all([reaches(phone, sent, 'delivered'), reaches(laptop, sent, 'delivered')]);
    await bob.markRead(idOf(phone));
    await Promise.all([reaches(phone, sent, 'read'), reaches(laptop, sent, 'read')]);

    const answer = await bob.sendText(idOf(phone), 'hi');
    await Promise.all([shows(phone, bob, 'hi'), shows(laptop, bob, 'hi')]);
    await laptop.markRead(idOf(bob));
    await reaches(bob, answer, 'read');
    await until(phone, 'conversation', async () => (await phone.conversations())[0]?.unread === 0);
    assert.equal((await find(phone, { ...answer, conversation: idOf(bob) }))?.status, 'read');
  });

  test('[DEV-3] media and calls, too', async () => {
    let says: ContentChannel | undefined;
    const phone = await stage.person('ann', {
      calls: ({ channel }) => {
        says = channel;
        return noCalls('');
      },
    });
    const bob = await stage.person(BOB);
    const laptop = await link(phone, 'laptop');
    await phone.startConversation(BOB);
    const path = join(stage.dir, 'plan.txt');
    writeFileSync(path, 'the plan');
    const source = { kind: 'file', fileName: 'plan.txt', mimeType: 'text/plain', data: path } as const;
    const sent = await phone.sendMedia(idOf(bob), source);
    await reaches(laptop, sent, 'sent');
    const { bytes } = await laptop.openMedia(sent.id);
    assert.equal(new TextDecoder().decode(bytes), 'the plan');
    const call = {
      with: idOf(bob),
      outcome: 'completed',
      video: true,
      startedAtMs: Date.now(),
      durationMs: 5,
    } as const;
    const id = (seed: number) => bytesToBase64url(new Uint8Array(16).fill(seed));
    await says!.recordCall({ ...call, callId: id(1), outgoing: true });
    await says!.recordCall({ ...call, callId: id(2), outgoing: false });
    const calls = async () => (await messagesOf(laptop, bob)).filter(({ body }) => body.type === 'call');
    await until(laptop, 'message', async () => (await calls()).length === 2);
    assert.deepEqual(
      (await calls()).map(({ id, outgoing }) => [id, outgoing]),
      [
        [id(1), true],
        [id(2), false],
      ],
    );
  });

  test('[DEV-4] three devices and two: everybody sees everything once, in order', async () => {
    const [phone, bobsPhone] = [await stage.person('ann'), await stage.person(BOB)];
    const ann = [phone, await link(phone, 'laptop'), await link(phone, 'tablet')];
    const bob = [bobsPhone, await link(bobsPhone, 'desk')];
    await Promise.all([...ann.map((device) => device.startConversation(BOB)), bob[1]!.startConversation('ann')]);
    const count = 12;
    const writeFrom = async (device: Carillon, to: Carillon, name: string) => {
      for (let i = 0; i < count; i++) await device.sendText(idOf(to), `${name} ${i}`);
    };
    await Promise.all([
      ...ann.map((device, i) => writeFrom(device, bobsPhone, `ann${i}`)),
      ...bob.map((device, i) => writeFrom(device, phone, `bob${i}`)),
    ]);
    const writers = ['ann0', 'ann1', 'ann2', 'bob0', 'bob1'];
    for (const [device, other] of [...ann.map((one) => [one, bobsPhone]), ...bob.map((one) => [one, phone])]) {
      await until(device!, 'message', async () => (await textsOf(device!, other!)).length >= writers.length * count);
      const texts = await textsOf(device!, other!);
      for (const writer of writers) {
        const theirs = texts.filter((text) => text.startsWith(`${writer} `));
        assert.deepEqual(
          theirs,
          Array.from({ length: count }, (_, i) => `${writer} ${i}`),
        );
      }
      assert.equal(texts.length, writers.length * count);
    }
  });

  test('[DEV-4] linked while messages are under way: the new device sees each that comes after, nobody loses one', async () => {
    const [phone, bob] = [await stage.person('ann'), await stage.person(BOB)];
    await bob.startConversation('ann');
    let linked: Promise<Carillon> | undefined;
    for (let i = 0; i < 30; i++) {
      await bob.sendText(idOf(phone), `${i}`);
      if (i === 5) linked = link(phone, 'laptop');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const laptop = await linked!;
    await reaches(bob, await bob.sendText(idOf(phone), 'last'), 'delivered');
    const all = [...Array.from({ length: 30 }, (_, i) => `${i}`), 'last'];
    await shows(phone, bob, 'last');
    assert.deepEqual(await textsOf(phone, bob), all);
    // The past came by way of the history, the rest by itself.
    await until(laptop, 'conversation', async () => (await textsOf(laptop, bob)).length >= all.length);
    assert.deepEqual(await textsOf(laptop, bob), all);
  });

  test('[DEV-5] a removed device is cut, told, and gets nothing more; peers mend by themselves', async () => {
    const [phone, bob] = [await stage.person('ann'), await stage.person(BOB)];
    const laptop = await link(phone, 'laptop');
    await bob.startConversation('ann');
    await reaches(bob, await bob.sendText(idOf(phone), 'before'), 'delivered');
    await shows(laptop, bob, 'before');
    await phone.removeDevice(laptop.account!.deviceId);
    await goesOffline(laptop);
    assert.match(laptop.connection.words ?? '', /no longer part of the account/);
    assert.deepEqual((await phone.devices()).length, 1);
    await reaches(bob, await bob.sendText(idOf(phone), 'after'), 'delivered');
    await shows(phone, bob, 'after');
    // What it had stays until it is signed out.
    assert.deepEqual(await textsOf(laptop, bob), ['before']);
    await laptop.signOut();
    assert.deepEqual(await laptop.conversations(), []);
    assert.equal((await bob.conversations())[0]?.identityChanged, false);
  });

  test('[DEV-5] signed out, a linked device leaves the account; it can be linked again', async () => {
    const phone = await stage.person('ann');
    const laptop = await link(phone, 'laptop');
    await until(phone, 'devices', async () => (await phone.devices()).length === 2);
    await laptop.signOut();
    await until(phone, 'devices', async () => (await phone.devices()).length === 1);
    await linkedTo(laptop, phone, 'laptop');
    assert.equal(idOf(laptop), idOf(phone));
    assert.equal((await phone.devices()).length, 2);
  });

  test('[DEV-6] only the main device links and removes; a code that is none, or is over, is told in words', async () => {
    const phone = await stage.person('ann');
    const laptop = await link(phone, 'laptop');
    const tablet = await stage.device('tablet');
    const offer = await tablet.beginLink('tablet');
    await assert.rejects(laptop.approveLink(offer.code), { code: 'not-primary' });
    await assert.rejects(laptop.removeDevice(phone.account!.deviceId), { code: 'not-primary' });
    await assert.rejects(phone.removeDevice(phone.account!.deviceId), /main device/);
    await assert.rejects(phone.approveLink('carillon:link?v=1'), { code: 'link-unknown' });
    offer.cancel();
    await assert.rejects(offer.linked, { code: 'link-unknown' });
    await assert.rejects(phone.beginLink('phone'), /signed in as ann already/);
    const unknown = offer.code.replace(/id=[0-9a-f]{8}/, 'id=00000000');
    await assert.rejects(phone.approveLink(unknown), { code: 'link-unknown' });
  });

  test('[DEV-7] without a media service there is no history, said in words, and the link holds', async () => {
    const [phone, bob] = [await stage.person('ann'), await stage.person(BOB)];
    stage.interceptMedia = (_request, socket) => {
      socket.destroy();
      return true;
    };
    const told: HistoryProgress[] = [];
    phone.on('history', (progress) => told.push(progress));
    const laptop = await link(phone, 'laptop');
    await until(phone, 'history', () => told.at(-1)?.stage === 'failed', 30_000);
    assert.match(told.at(-1)?.words ?? '', /could not be sent to the new device/);
    await phone.startConversation(BOB);
    await phone.sendText(idOf(bob), 'hello');
    await shows(laptop, bob, 'hello');
  });
});
