// New ways through the network in a running call between two devices, while
// signaling does not carry what it took.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { SignalingServerFrame } from '@carillon/protocol';
import { CallServices } from './callServices.ts';
import type { TestAccount } from './contentHub.ts';
import { Device, type Meddle } from './nodeDevice.ts';
import { WatchedEngine } from './watchedEngine.ts';

let services: CallServices;
let media: string;
const devices: Device[] = [];

before(async () => {
  services = await CallServices.start();
  media = await services.sound();
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

after(() => services.close());

class Talker extends Device {
  readonly engine: WatchedEngine;

  constructor(self: TestAccount, contacts: readonly TestAccount[], meddle: Meddle = (frame) => [frame]) {
    const engine = new WatchedEngine({ media });
    super(services, self, contacts, { engine, meddle });
    this.engine = engine;
    devices.push(this);
  }

  /** As after a change of network. Resolves once the offer is made. */
  async restart(): Promise<void> {
    const [link] = this.engine.open;
    const { offers } = link!;
    link!.peer.restartIce([], false);
    await this.eventually('offering', () => link!.offers > offers);
  }
}

async function talking(meddle?: Meddle): Promise<{ ana: Talker; bo: Talker }> {
  const contacts = (await Promise.all([services.account('ana'), services.account('bo')])) as [TestAccount, TestAccount];
  const [ana, bo] = contacts.map((self) => new Talker(self, contacts, meddle)) as [Talker, Talker];
  await ana.calls.start([bo.self.accountId], { video: false });
  const { callId } = await bo.until('ringing', (view) => view.phase === 'ringing-in');
  await bo.calls.accept(callId, { video: false });
  await Promise.all([ana.hears('audio'), bo.hears('audio')]);
  return { ana, bo };
}

test('[CALL-72] media flows again when the ways through the network are looked for anew', async () => {
  const { ana, bo } = await talking();
  for (const each of [ana, bo]) {
    await each.restart();
    await Promise.all([ana.hears('audio', 50), bo.hears('audio', 50)]);
  }
  assert.deepEqual([...ana.notices, ...bo.notices], []);
});

for (const who of ['ana', 'bo'] as const) {
  test(`[CALL-70] a call goes on after an offer of ${who} that nobody heard`, async () => {
    let lost: number | undefined;
    const ends = await talking((frame: SignalingServerFrame) => {
      if (lost === undefined || frame.body.case !== 'relayed') return [frame];
      lost++;
      return [];
    });
    lost = 0;
    await ends[who].restart();
    // The offer, and its first candidate.
    await ends[who].eventually('losing its offer', () => lost! > 1);
    lost = undefined;
    await Promise.all([ends.ana.hears('audio', 50), ends.bo.hears('audio', 50)]);
    assert.equal(ends.ana.view?.phase, 'active');
  });
}
