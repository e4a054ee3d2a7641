import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { base64urlToBytes, ProtocolError } from '@carillon/protocol';
import type { NewCallLink } from '../../src/api.ts';
import type { Carillon } from '../../src/carillon.ts';
import { LOBBY_MAX } from '../../src/links/core/lobby.ts';
import { LINKS_MAX } from '../../src/links/linkRecords.ts';
import type { JoiningView, Settings } from '../../src/model.ts';
import { linkDevice } from './linking.ts';
import { ScriptedCalls } from './scriptedCalls.ts';
import { type DeviceOptions, Stage, until } from './stage.ts';
import { idOf, shows } from './watching.ts';

const OFFICE: NewCallLink = { name: 'Office hours', video: true, kind: 'one', lobby: true };

interface Someone {
  readonly device: Carillon;
  readonly calls: ScriptedCalls;
  readonly joined: JoiningView[];
}

describe('call links', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  async function someone(
    name: string,
    open = (options: DeviceOptions) => stage.person(name, options),
  ): Promise<Someone> {
    const calls = new ScriptedCalls();
    const device = await open({ calls: calls.factory, accepts: false });
    const joined: JoiningView[] = [];
    device.on('joining', (view) => joined.push(view));
    return { device, calls, joined };
  }

  const waits = ({ device }: Someone, count = 1) => until(device, 'lobby', () => device.links.lobby.length === count);
  const joins = ({ device, joined }: Someone, end: JoiningView['end']) =>
    until(device, 'joining', () => joined.some((view) => view.phase === 'over' && view.end === end));
  /** Whatever was said to the other before has arrived there. */
  async function after(from: Carillon, to: Carillon): Promise<void> {
    await from.contactByHandle(to.account!.handle);
    await from.sendText(idOf(to), 'later');
    await shows(to, from, 'later');
  }

  test('[CLINK-1] who knocks is let in: the owner calls, and the knocking device alone accepts by itself', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const eveTablet = await someone('tablet', (options) => linkDevice(stage, eve.device, 'tablet', options));
    const { url } = await ann.device.links.create(OFFICE);
    assert.equal((await eve.device.links.read(url)).owner.handle, 'ann');
    await eve.device.links.join(url);
    await waits(ann);
    const [knock] = ann.device.links.lobby;
    assert.deepEqual([knock?.contact.handle, knock?.link.name], ['eve', 'Office hours']);
    await until(eve.device, 'joining', () => eve.device.links.joining?.phase === 'waiting');
    // Neither a conversation nor a request came of it.
    assert.deepEqual(await ann.device.conversations(), []);
    await ann.device.links.admit(knock!.id);
    await joins(eve, 'joined');
    assert.deepEqual(ann.calls.done, ['start peer video']);
    assert.deepEqual(eve.calls.done, ['ring', 'accept']);
    assert.deepEqual(ann.device.links.lobby, []);
    // Being let in is not being accepted.
    assert.equal(await ann.calls.channel.isAccepted(idOf(eve.device)), false);
    await ann.device.sendText(idOf(eve.device), 'to all your devices');
    await shows(eveTablet.device, ann.device, 'to all your devices');
    assert.deepEqual(eveTablet.calls.done, []);
    // The next invite is one like any other.
    ann.calls.show(ann.calls.current!.callId, 'ended');
    eve.calls.show(eve.calls.current!.callId, 'ended');
    await ann.device.calls.start([idOf(eve.device)], { video: false });
    await until(eve.device, 'call', () => eve.calls.done.length === 3);
    assert.deepEqual(eve.calls.done, ['ring', 'accept', 'ring']);
  });

  test('[CLINK-2] refused, taken back, and not known: each is said in words, the last not at all', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const link = await ann.device.links.create(OFFICE);
    await eve.device.links.join(link.url);
    await waits(ann);
    await ann.device.links.refuse(ann.device.links.lobby[0]!.id);
    await joins(eve, 'refused');
    assert.equal(eve.joined.at(-1)?.words, 'ann did not let you in.');

    await eve.device.links.join(link.url);
    await waits(ann);
    await ann.device.links.revoke(link.id);
    await joins(eve, 'revoked');
    assert.deepEqual([ann.device.links.lobby, await ann.device.links.list()], [[], []]);
    eve.joined.length = 0;
    await eve.device.links.join(link.url);
    await joins(eve, 'revoked');

    // Of a link that was never there nobody learns even that somebody is.
    const { url } = await ann.device.links.create(OFFICE);
    const bytes = base64urlToBytes(url.slice(url.lastIndexOf('/') + 1));
    bytes[20]! ^= 1;
    await eve.device.links.join(`${stage.baseUrl}/#call/${Buffer.from(bytes).toString('base64url')}`);
    await after(eve.device, ann.device);
    assert.deepEqual(ann.device.links.lobby, []);
    assert.equal(eve.device.links.joining?.phase, 'knocking');
    await eve.device.links.cancel();
    await assert.rejects(ann.device.links.admit('AAAA'), { code: 'not-found' });
  });

  test('[CLINK-3] who cancels, or takes another call, waits no more, also over there', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const { url } = await ann.device.links.create(OFFICE);
    await eve.device.links.join(url);
    await waits(ann);
    await eve.device.links.cancel();
    await waits(ann, 0);
    assert.equal(eve.device.links.joining, undefined);
    await eve.device.links.join(url);
    await waits(ann);
    await eve.device.calls.start([idOf(ann.device)], { video: false });
    await joins(eve, 'cancelled');
    await waits(ann, 0);
    await assert.rejects(eve.device.links.join(url), { code: 'call-state' });
  });

  test('[CLINK-4] the owner away: the knock is there when one of their devices comes', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const { url } = await ann.device.links.create(OFFICE);
    await ann.device.close();
    await eve.device.links.join(url);
    assert.match(eve.joined.at(-1)!.words, /may be offline/);
    const again = await someone('ann', (options) => stage.device('ann', options));
    await waits(again);
    await again.device.links.admit(again.device.links.lobby[0]!.id);
    await joins(eve, 'joined');
  });

  test('[CLINK-5] links are the same on all devices of the owner; what one answers is gone on the others', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const first = await ann.device.links.create(OFFICE);
    const tablet = await someone('tablet', (options) => linkDevice(stage, ann.device, 'tablet', options));
    const listed = ({ device }: Someone, names: string[]) =>
      until(
        device,
        'callLinks',
        async () => (await device.links.list()).map(({ name }) => name).join() === names.join(),
      );
    await listed(tablet, ['Office hours']);
    assert.equal((await tablet.device.links.list())[0]?.url, first.url);
    await tablet.device.links.create({ ...OFFICE, name: 'Second' });
    await listed(ann, ['Second', 'Office hours']);
    await tablet.device.links.change(first.id, { name: 'Sundays' });
    await listed(ann, ['Second', 'Sundays']);

    await eve.device.links.join(first.url);
    await Promise.all([waits(ann), waits(tablet)]);
    await tablet.device.links.refuse(tablet.device.links.lobby[0]!.id);
    await Promise.all([waits(ann, 0), joins(eve, 'refused')]);

    await ann.device.links.revoke(first.id);
    await listed(tablet, ['Second']);
    await assert.rejects(tablet.device.links.change(first.id, { name: 'Back?' }), { code: 'not-found' });
  });

  test('[CLINK-6] without a lobby all come in by themselves, into one call of many, where the owner hears before they speak', async () => {
    const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((name) => someone(name)));
    const { url } = await ann!.device.links.create({ ...OFFICE, kind: 'group', lobby: false });
    await bob!.device.links.join(url);
    await joins(bob!, 'joined');
    await eve!.device.links.join(url);
    await joins(eve!, 'joined');
    assert.deepEqual(ann!.calls.done, ['start room video', 'microphone off', 'camera off', 'invite']);
    assert.deepEqual(
      [bob!, eve!].map(({ calls }) => calls.done.join()),
      ['ring,accept', 'ring,accept'],
    );
  });

  test('[CLINK-6] of several devices of the owner one lets in', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const tablet = await someone('tablet', (options) => linkDevice(stage, ann.device, 'tablet', options));
    const { url } = await ann.device.links.create({ ...OFFICE, video: false, lobby: false });
    await until(tablet.device, 'callLinks', async () => (await tablet.device.links.list()).length === 1);
    await eve.device.links.join(url);
    await joins(eve, 'joined');
    await waits(tablet, 0);
    assert.deepEqual([ann.calls.done, tablet.calls.done], [['start peer voice', 'microphone off'], []]);
    assert.deepEqual(eve.calls.done, ['ring', 'accept']);
    // The other takes its turn when the first is not there.
    eve.calls.show(eve.calls.current!.callId, 'ended');
    await ann.device.close();
    eve.joined.length = 0;
    await eve.device.links.join(url);
    await joins(eve, 'joined');
    assert.deepEqual(tablet.calls.done, ['start peer voice', 'microphone off']);
  });

  test('[CLINK-5] an account has so many links and no more; one can be taken back for another', async () => {
    const ann = await someone('ann');
    for (let i = 0; i < LINKS_MAX; i++) await ann.device.links.create({ ...OFFICE, name: `${i}`.repeat(80) });
    await assert.rejects(ann.device.links.create(OFFICE), { code: 'invalid-request' });
    const [newest] = await ann.device.links.list();
    await ann.device.links.revoke(newest!.id);
    await ann.device.links.create(OFFICE);
    const tablet = await someone('tablet', (options) => linkDevice(stage, ann.device, 'tablet', options));
    await until(tablet.device, 'callLinks', async () => (await tablet.device.links.list()).length === LINKS_MAX);
  });

  test('[CLINK-6] one at a time: the second is told that the owner is busy; what fails is said', async () => {
    const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((name) => someone(name)));
    const { url } = await ann!.device.links.create({ ...OFFICE, lobby: false });
    ann!.calls.refusal = new ProtocolError('call-state', { words: 'The microphone cannot be used.' });
    await bob!.device.links.join(url);
    await joins(bob!, 'failed');
    ann!.calls.refusal = undefined;
    await bob!.device.links.join(url);
    await joins(bob!, 'joined');
    await eve!.device.links.join(url);
    await joins(eve!, 'busy');
    assert.equal(eve!.joined.at(-1)?.words, 'ann is in another call. Try again later.');
    const lobby = await ann!.device.links.create(OFFICE);
    await eve!.device.links.join(lobby.url);
    await waits(ann!);
    await assert.rejects(ann!.device.links.admit(ann!.device.links.lobby[0]!.id), { code: 'call-state' });
    await waits(ann!);
  });

  test('[CLINK-7] who does not want to be disturbed lets nobody in by themselves, and who waits is not told', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const { url } = await ann.device.links.create({ ...OFFICE, lobby: false });
    const quiet: Partial<Settings> = { doNotDisturb: {} };
    await ann.device.setSettings(quiet);
    await eve.device.links.join(url);
    await waits(ann);
    await after(ann.device, eve.device);
    assert.deepEqual([ann.calls.done, eve.device.links.joining?.phase], [[], 'knocking']);
    await ann.device.block(idOf(eve.device));
    await eve.device.links.cancel();
    await eve.device.links.join(url);
    await ann.device.unblock(idOf(eve.device));
    await after(eve.device, ann.device);
    assert.equal(ann.device.links.lobby.length, 1);
  });

  test('[CLINK-8] malformed links and knocks do nothing; one person knocks once, and not too often', async () => {
    const [ann, eve] = await Promise.all([someone('ann'), someone('eve')]);
    const { url } = await ann.device.links.create(OFFICE);
    for (const text of ['', 'hello', `${url}x`, url.slice(0, -4), `${stage.baseUrl}/#call/`, 'x'.repeat(100_000)]) {
      await assert.rejects(eve.device.links.join(text), { code: 'invalid-request' }, text.slice(0, 80));
    }
    await assert.rejects(ann.device.links.join(url), { code: 'invalid-request' });
    const linkId = base64urlToBytes(url.slice(url.lastIndexOf('/') + 1)).slice(17, 33);
    const knock = (bytes: Uint8Array<ArrayBuffer>, knockId: Uint8Array<ArrayBuffer>) => {
      const value = { linkId: bytes, knockId };
      return eve.calls.channel.sendToAccount(idOf(ann.device), () => ({ case: 'callKnock', value }), { urgent: true });
    };
    const short = new Uint8Array(3);
    for (const [link, id] of [
      [short, short],
      [linkId, short],
      [short, linkId],
    ] as const)
      await knock(link, id);
    for (let i = 0; i < 3 * LOBBY_MAX; i++) await knock(linkId, new Uint8Array(16).fill(i));
    await after(eve.device, ann.device);
    assert.equal(ann.device.links.lobby.length, 1);
    assert.deepEqual(ann.calls.done, []);
  });
});
