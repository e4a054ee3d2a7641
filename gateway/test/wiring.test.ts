import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalingEnvironment, turnEnvironment, type Wiring } from '../src/wiring.ts';

const wiring: Wiring = {
  mediaAddress: '192.0.2.5',
  turnPort: 3478,
  turnWorkers: 1,
  turnTls: undefined,
  sfuPort: 44300,
  turnSecret: 'a secret of sixteen',
};
const urls = (changed: Partial<Wiring> = {}) =>
  signalingEnvironment({ ...wiring, ...changed }, 'http://127.0.0.1:1').proposed.CARILLON_ICE_TURN_URLS?.split(',');

test('devices are told of the relay over UDP and TCP', () => {
  assert.deepEqual(urls(), ['turn:192.0.2.5:3478?transport=udp', 'turn:192.0.2.5:3478?transport=tcp']);
});

test('[TURN-13] of several workers they are told the range of UDP ports', () => {
  assert.equal(urls({ turnWorkers: 4 })?.[0], 'turn:192.0.2.5:3478-3481?transport=udp');
  assert.equal(turnEnvironment({ ...wiring, turnWorkers: 4 }).told.CARILLON_TURN_WORKERS, '4');
});

test('with a certificate the relay speaks TLS, and devices are told', () => {
  const turnTls = { port: 443, certificate: 'the chain', key: 'the key' };
  assert.equal(urls({ turnTls })?.[2], 'turns:192.0.2.5:443?transport=tcp');
  const { told } = turnEnvironment({ ...wiring, turnTls });
  assert.equal(told.CARILLON_TURN_TLS_PORT, '443');
  assert.deepEqual([told.CARILLON_TURN_TLS_CERT, told.CARILLON_TURN_TLS_KEY], ['the chain', 'the key']);
  assert.equal(turnEnvironment(wiring).told.CARILLON_TURN_TLS_PORT, undefined);
});

test('[TURN-46] at a public address no special network is a peer, and what is proposed may be overruled', () => {
  const { told, proposed } = turnEnvironment(wiring);
  assert.equal(proposed.CARILLON_TURN_ALLOW_PEERS, '');
  assert.equal(proposed.CARILLON_TURN_RELAY_ADDRESS, '192.0.2.5');
  assert.equal(told.CARILLON_TURN_PORT, '3478');
});

test('[TURN-34] the relay may reach the SFU beside it, and no other port of its host', () => {
  assert.equal(turnEnvironment(wiring).proposed.CARILLON_TURN_HOST_PORTS, '44300-44363');
});
