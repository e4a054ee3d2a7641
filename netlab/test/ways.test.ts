// Calls between two real browsers, through the real system: by which way media
// goes is what the networks of the two leave open.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inLab } from './inLab.ts';
import { TwoPeople } from './twoPeople.ts';

inLab('ways', () => {
  let two: TwoPeople;
  before(async () => {
    two = await TwoPeople.open();
  });
  after(() => two?.close());

  test('through cone NATs they meet directly, by their server-reflexive addresses', async (context) => {
    for (const pair of await two.callThrough('cone', context)) assert.match(pair, /^(srflx|prflx)-(srflx|prflx)$/);
    await two.hangUp();
  });

  test('through symmetric NATs media goes by the relay', async (context) => {
    const pairs = await two.callThrough('symmetric', context);
    assert.ok(
      pairs.every((pair) => pair.includes('relay')),
      String(pairs),
    );
    assert.ok(pairs.some((pair) => pair.startsWith('relay/udp')));
    await two.hangUp();
  });

  test('where UDP is blocked, media goes to the relay by TCP', async (context) => {
    for (const pair of await two.callThrough('udp-blocked', context)) assert.equal(pair, 'relay/tcp-relay');
    await two.hangUp();
  });

  test('where only 443 is open, media goes to the relay by TLS', async (context) => {
    for (const pair of await two.callThrough('https-only', context)) assert.equal(pair, 'relay/tls-relay');
    await two.hangUp();
  });

  test('nothing failed unseen in the pages', () => {
    assert.deepEqual(two.faults, []);
  });
});
