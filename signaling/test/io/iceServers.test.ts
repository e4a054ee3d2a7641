import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import { ConfigError } from '@carillon/service';
import { iceServersFor } from '../../src/io/iceServers.ts';
import { Device, Harness, newId } from './harness.ts';

const turnSecret = 'a secret of sixteen or more';
const options = {
  stunUrls: ['stun:stun.example:3478'],
  turnUrls: ['turn:turn.example:3478?transport=udp', 'turn:turn.example:3478?transport=tcp'],
  turnSecret,
  lifetimeSeconds: 60,
};

describe('ICE servers', () => {
  it('[CALL-18] carry time-limited credentials that do not name the account', () => {
    const account = newId<AccountId>();
    const [stun, turn] = iceServersFor(account, 1_000_000, options);
    assert.deepEqual(stun, { urls: options.stunUrls });
    assert.deepEqual(turn?.urls, options.turnUrls);
    assert.match(turn?.username ?? '', /^1060:[A-Za-z0-9_-]{22}$/);
    assert.ok(!turn?.username?.includes(account));
    assert.equal(
      turn?.credential,
      createHmac('sha1', turnSecret)
        .update(turn?.username ?? '')
        .digest('base64'),
    );
  });

  it('name the same account alike and others otherwise', () => {
    const user = (account: AccountId) => iceServersFor(account, 0, options)[1]?.username?.split(':')[1];
    const [one, two] = [newId<AccountId>(), newId<AccountId>()];
    assert.equal(user(one), user(one));
    assert.notEqual(user(one), user(two));
  });

  it('[TURN-13] spread accounts over the workers of a relay, an account always at one', () => {
    const turnUrls = ['turn:a:3478-3481?transport=udp', 'turn:[::1]:10-11', 'turns:a:443?transport=tcp'];
    const urlsOf = (account: AccountId) => iceServersFor(account, 0, { ...options, turnUrls })[1]?.urls ?? [];
    const seen = new Set<string>();
    for (let n = 0; n < 200; n++) {
      const account = newId<AccountId>();
      const urls = urlsOf(account);
      assert.deepEqual(urlsOf(account), urls);
      assert.match(urls[1] ?? '', /^turn:\[::1\]:1[01]$/);
      assert.equal(urls[2], turnUrls[2]);
      seen.add(urls[0] ?? '');
    }
    assert.deepEqual(
      [...seen].sort(),
      [3478, 3479, 3480, 3481].map((port) => `turn:a:${port}?transport=udp`),
    );
  });

  it('come with the welcome', async (t) => {
    const harness = new Harness();
    t.after(() => harness.end());
    await harness.start({
      CARILLON_ICE_STUN_URLS: 'stun:a:1, stun:b:2',
      CARILLON_ICE_TURN_URLS: 'turn:a:1',
      CARILLON_TURN_SECRET: turnSecret,
    });
    const device = new Device(harness.url, newId(), 3 as DeviceId);
    const { body } = await device.hello();
    assert.ok(body.case === 'welcome');
    assert.deepEqual(body.value.self?.deviceId, 3);
    assert.deepEqual(
      body.value.iceServers.map(({ urls }) => urls),
      [['stun:a:1', 'stun:b:2'], ['turn:a:1']],
    );
    await device.leave();
  });

  it('need a secret for a relay', async (t) => {
    const harness = new Harness();
    t.after(() => harness.end());
    await assert.rejects(harness.start({ CARILLON_ICE_TURN_URLS: 'turn:a:1' }), ConfigError);
    await assert.rejects(harness.start({ CARILLON_SFU_NODES: 'nonsense' }), ConfigError);
  });
});
