import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relayedCandidate, relayedDescription } from '../../src/calls/relayedOnly.ts';

const HOME = '192.0.2.77';
const HOME6 = '2001:db8::77';
const RELAY = 'candidate:3 1 udp 33562367 198.51.100.9 50123 typ relay';

const candidate = (text: string) => ({
  ...{ candidate: text, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'aaaa' },
});

test('[CALL-36] only relayed candidates are told, and not from where', () => {
  const told = relayedCandidate(candidate(`${RELAY} raddr ${HOME} rport 40001 generation 0 ufrag aaaa`));
  assert.equal(told?.candidate, `${RELAY} raddr 0.0.0.0 rport 0 generation 0 ufrag aaaa`);
  assert.equal(relayedCandidate(candidate(`candidate:1 1 udp 2122260223 ${HOME} 40001 typ host`)), undefined);
  assert.equal(
    relayedCandidate(candidate(`candidate:2 1 udp 1686052607 ${HOME} 40001 typ srflx raddr 10.0.0.7 rport 40001`)),
    undefined,
  );
  const six = 'candidate:3 1 udp 1 2001:db8::1 50123 typ relay';
  assert.equal(relayedCandidate(candidate(`${six} raddr ${HOME6} rport 9`))?.candidate, `${six} raddr :: rport 0`);
  // A candidate that only looks relayed.
  assert.equal(relayedCandidate(candidate(`candidate:1 1 udp 1 ${HOME} 1 typ relayed`)), undefined);
});

test('[CALL-36] a description names no address of its own', () => {
  const sdp = [
    'v=0',
    `o=- 8812 2 IN IP4 ${HOME}`,
    's=-',
    'm=audio 40001 UDP/TLS/RTP/SAVPF 111',
    `c=IN IP6 ${HOME6}`,
    `a=rtcp:40002 IN IP4 ${HOME}`,
    `a=candidate:1 1 udp 2122260223 ${HOME} 40001 typ host`,
    `a=${RELAY} raddr ${HOME} rport 40001`,
    'a=ice-ufrag:aaaa',
    '',
  ].join('\r\n');
  const told = relayedDescription({ type: 'offer', sdp });
  assert.ok(!told.sdp.includes(HOME) && !told.sdp.includes(HOME6), told.sdp);
  assert.match(told.sdp, /a=candidate:3 1 udp 33562367 198\.51\.100\.9 50123 typ relay raddr 0\.0\.0\.0 rport 0/);
  assert.equal(told.sdp.split('\r\n').length, sdp.split('\r\n').length - 1);
});
