// Perfect negotiation between two real peer connections; signals are carried by
// hand, so that they can meet, come early or be lost.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { LocalMedia } from '../../src/calls/engine.ts';
import { OFFER_AGAIN_MS, PeerLink } from '../../src/calls/peerLink.ts';
import type { Signal } from '../../src/calls/signals.ts';
import { nodeEngine } from '../../src/node/calls/nodeEngine.ts';

const DEADLINE_MS = 20_000;
const engine = nodeEngine({});
const open: End[] = [];

after(() => {
  for (const end of open) end.close();
});

interface Choice {
  readonly polite: boolean;
  readonly offerer: boolean;
  readonly generation?: number;
}

class End {
  readonly link: PeerLink;
  readonly media: LocalMedia;
  readonly sent: Signal[] = [];
  readonly failures: unknown[] = [];
  connections = 0;
  /** Where signals go; without one they wait in `sent`. */
  other: End | undefined;
  /** What is lost on its way. */
  loses: (signal: Signal) => boolean = () => false;

  private constructor(media: LocalMedia, { polite, offerer, generation = 1 }: Choice) {
    this.media = media;
    this.link = new PeerLink({
      ...{ engine, polite, offerer, generation },
      relayOnly: false,
      iceServers: () => [],
      send: (signal) => {
        this.sent.push(signal);
        if (this.loses(signal)) return;
        void turn().then(() => this.other?.link.receive(signal));
      },
      connected: () => this.connections++,
      lost: () => {},
      remote: () => {},
      failed: (error) => this.failures.push(error),
      generationChanged: () => {},
    });
    open.push(this);
  }

  static async open(choice: Choice): Promise<End> {
    return new End(await engine.openMedia({ video: true }), choice);
  }

  static join(a: End, b: End): void {
    a.other = b;
    b.other = a;
  }

  /** Two that are connected, and in their call. */
  static async pair(): Promise<{ impolite: End; polite: End }> {
    const impolite = await End.open({ polite: false, offerer: true });
    const polite = await End.open({ polite: true, offerer: false });
    End.join(impolite, polite);
    for (const end of [impolite, polite]) end.link.insist();
    await Promise.all([impolite.connected(), polite.connected()]);
    return { impolite, polite };
  }

  /** The next descriptions of this type, with their candidates: those that were sent without them, too. */
  loseNext(type: 'offer' | 'answer', times = 1): void {
    let lost = 0;
    this.loses = (signal) => {
      if (signal.type === 'description' && signal.description.type === type && lost < times) {
        lost++;
        return true;
      }
      return lost > 0 && lost <= times && signal.type === 'candidate';
    };
  }

  descriptions(type: 'offer' | 'answer'): Signal[] {
    return this.sent.filter((signal) => signal.type === 'description' && signal.description.type === type);
  }

  async connected(times = 1): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (this.connections < times) {
      assert.ok(performance.now() < deadline, `connected ${this.connections} times, not ${times}`);
      await pause(10);
    }
    assert.deepEqual(this.failures, []);
  }

  close(): void {
    this.link.close();
    this.media.close();
  }
}

test('nothing is sent before media is set, and then without a new offer', async () => {
  const callee = await End.open({ polite: true, offerer: true });
  const caller = await End.open({ polite: false, offerer: false });
  End.join(caller, callee);
  await Promise.all([caller.connected(), callee.connected()]);
  const signals = () => caller.sent.length + callee.sent.length;
  const before = signals();
  callee.link.setMedia(callee.media);
  caller.link.setMedia(caller.media);
  await pause(200);
  assert.equal(signals(), before);
});

test('an offer that nobody heard goes once more, with its candidates', async () => {
  const callee = await End.open({ polite: true, offerer: true });
  const caller = await End.open({ polite: false, offerer: false });
  await pause(200);
  End.join(caller, callee);
  callee.link.insist();
  await Promise.all([caller.connected(), callee.connected()]);
  const offers = callee.sent.filter((signal) => signal.type === 'description');
  assert.equal(offers.length, 2);
  assert.match(offers[1]!.description.sdp, /a=candidate:/);
  // One that was heard is not repeated.
  callee.link.insist();
  await pause(100);
  assert.equal(callee.sent.filter((signal) => signal.type === 'description').length, 2);
});

test('candidates that come before their description are kept', async () => {
  const caller = await End.open({ polite: false, offerer: true });
  const callee = await End.open({ polite: true, offerer: false });
  await pause(200);
  callee.other = caller;
  for (const signal of caller.sent.toReversed()) callee.link.receive(signal);
  caller.other = callee;
  await Promise.all([caller.connected(), callee.connected()]);
});

test('two offers that meet become one connection: the polite end gives way', async () => {
  const impolite = await End.open({ polite: false, offerer: true });
  const polite = await End.open({ polite: true, offerer: true });
  await pause(100);
  End.join(impolite, polite);
  for (const signal of [...impolite.sent]) polite.link.receive(signal);
  for (const signal of [...polite.sent]) impolite.link.receive(signal);
  await Promise.all([impolite.connected(), polite.connected()]);
  const answers = polite.sent.filter((signal) => signal.type === 'description' && signal.description.type === 'answer');
  assert.equal(answers.length, 1);
});

test('new ways through the network are found for the same connection, also when both ends look', async () => {
  const caller = await End.open({ polite: false, offerer: true });
  const callee = await End.open({ polite: true, offerer: false });
  End.join(caller, callee);
  await Promise.all([caller.connected(), callee.connected()]);
  const credentials = () =>
    caller.sent.flatMap((signal) =>
      signal.type === 'description' ? [/a=ice-ufrag:(\S+)/.exec(signal.description.sdp)?.[1]] : [],
    );
  const before = new Set(credentials()).size;
  caller.link.restart();
  callee.link.restart();
  const deadline = performance.now() + DEADLINE_MS;
  while (new Set(credentials()).size === before && performance.now() < deadline) await pause(10);
  assert.ok(new Set(credentials()).size > before);
  assert.deepEqual([...caller.failures, ...callee.failures], []);
});

test('a page that starts over offers the next generation, and the other end takes it', async () => {
  const caller = await End.open({ polite: false, offerer: true });
  const callee = await End.open({ polite: true, offerer: false });
  End.join(caller, callee);
  await Promise.all([caller.connected(), callee.connected()]);
  callee.close();
  const again = await End.open({ polite: true, offerer: true, generation: 2 });
  End.join(caller, again);
  // What was under way of the old connection says nothing to the new one.
  for (const signal of caller.sent) again.link.receive(signal);
  await Promise.all([caller.connected(2), again.connected()]);
  assert.equal(caller.link.generation, 2);
});

describe('[CALL-70] a description that is lost on its way', { concurrency: true }, () => {
  for (const who of ['impolite', 'polite'] as const) {
    test(`the ${who} end's offer of a restart goes again`, async () => {
      const ends = await End.pair();
      const before = { impolite: ends.impolite.connections, polite: ends.polite.connections };
      ends[who].loseNext('offer');
      ends[who].link.restart();
      await Promise.all([ends.impolite.connected(before.impolite + 1), ends.polite.connected(before.polite + 1)]);
      assert.deepEqual(
        ends[who]
          .descriptions('offer')
          .slice(-2)
          .map((signal) => signal.type === 'description' && signal.offer),
        who === 'impolite' ? [2, 2] : [1, 1],
      );
    });

    test(`the ${who} end's answer goes again when it is asked for again`, async () => {
      const ends = await End.pair();
      const other = who === 'impolite' ? ends.polite : ends.impolite;
      const before = { impolite: ends.impolite.connections, polite: ends.polite.connections };
      ends[who].loseNext('answer');
      other.link.restart();
      await Promise.all([ends.impolite.connected(before.impolite + 1), ends.polite.connected(before.polite + 1)]);
    });
  }

  test('also when the polite end makes an offer of its own meanwhile', async () => {
    const { impolite, polite } = await End.pair();
    const before = impolite.connections;
    impolite.loseNext('offer');
    impolite.link.restart();
    await pause(200);
    polite.link.restart();
    await impolite.connected(before + 1);
    assert.deepEqual(polite.failures, []);
  });

  test('also when the impolite end waits for an answer that the polite one has given', async () => {
    const { impolite, polite } = await End.pair();
    const before = impolite.connections;
    polite.loseNext('answer');
    impolite.link.restart();
    await pause(200);
    polite.link.restart();
    await impolite.connected(before + 1);
    assert.deepEqual(polite.failures, []);
  });

  for (const isPolite of [true, false]) {
    test(`the offer of a ${isPolite ? 'polite' : 'impolite'} page that starts over goes again`, async () => {
      const ends = await End.pair();
      const [gone, stays] = isPolite ? [ends.polite, ends.impolite] : [ends.impolite, ends.polite];
      gone.close();
      const before = stays.connections;
      const again = await End.open({ polite: isPolite, offerer: true, generation: 2 });
      again.loseNext('offer');
      End.join(again, stays);
      again.link.insist();
      await Promise.all([again.connected(), stays.connected(before + 1)]);
    });
  }
});

test('[CALL-71] an answer to an offer that was taken back is none to the next one', async () => {
  const { impolite, polite } = await End.pair();
  impolite.other = undefined;
  impolite.link.restart();
  await pause(200);
  const { failures, link } = impolite;
  const [earlier] = polite.descriptions('answer');
  link.receive(earlier!);
  link.insist();
  await pause(100);
  assert.equal(impolite.descriptions('offer').length, 3, 'the newest is still to be answered');
  impolite.other = polite;
  link.insist();
  await impolite.connected(impolite.connections + 1);
  assert.deepEqual(failures, []);
});

test('while it rings an offer does not go again by itself', async () => {
  const callee = await End.open({ polite: true, offerer: true });
  await pause(OFFER_AGAIN_MS + 500);
  assert.equal(callee.descriptions('offer').length, 1);
});
