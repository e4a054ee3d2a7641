import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '@carillon/service';
import { turnConfig } from '../src/config.ts';
import { SECRET } from './relayOptions.ts';

const parsed = (env: Record<string, string>) => parseConfig(turnConfig, { CARILLON_TURN_SECRET: SECRET, ...env });

test('[TURN-2] one secret or several, each long enough', () => {
  const two = `${SECRET}, another secret of 16`;
  assert.deepEqual(parsed({}).CARILLON_TURN_SECRET, [SECRET]);
  assert.deepEqual(parsed({ CARILLON_TURN_SECRET: two }).CARILLON_TURN_SECRET, two.split(', '));
  for (const wrong of ['short', `${SECRET},short`, ',', Array(5).fill(SECRET).join()])
    assert.throws(() => parsed({ CARILLON_TURN_SECRET: wrong }), /CARILLON_TURN_SECRET/);
});

test('a range of relayed ports that is none is refused in words', () => {
  const range = { CARILLON_TURN_PORT_MIN: '50000', CARILLON_TURN_PORT_MAX: '49999' };
  assert.throws(() => parsed(range), /CARILLON_TURN_PORT_MIN.*CARILLON_TURN_PORT_MAX/);
  assert.equal(parsed({ ...range, CARILLON_TURN_PORT_MAX: '50000' }).CARILLON_TURN_PORT_MIN, 50_000);
});
