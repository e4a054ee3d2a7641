// A network that is slower than what is sent: what waits is bounded, over UDP too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const FIXTURE = fileURLToPath(import.meta.resolve('./fixtures/slowNetwork.ts'));
const SLOW_LOOPBACK = [
  'ip link set lo up',
  'tc qdisc add dev lo root handle 1: htb default 1',
  'tc class add dev lo parent 1: classid 1:1 htb rate 10gbit quantum 60000',
  'tc class add dev lo parent 1: classid 1:2 htb rate 1mbit',
  // Longer than the buffer of a socket, whose packets it holds: else the network would drop them, and nothing wait.
  'tc qdisc add dev lo parent 1:2 pfifo limit 100000',
  'tc filter add dev lo parent 1: protocol ip u32 match ip dst 127.0.9.0/24 flowid 1:2',
].join(' && ');
const possible = spawnSync('unshare', ['--net', 'sh', '-c', SLOW_LOOPBACK], { stdio: 'ignore' }).status === 0;
const skip = !possible && 'needs root, unshare and iproute2';

for (const direction of ['to-peer', 'to-client']) {
  test(`[TURN-31] what a slow network does not take is dropped, ${direction}`, { skip }, () => {
    const command = `${SLOW_LOOPBACK} && exec "$0" "$@"`;
    const args = ['--net', 'sh', '-c', command, process.execPath, FIXTURE, direction];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stderr);
    const { relayed, backlogPackets } = JSON.parse(stdout) as { relayed: number; backlogPackets: number };
    assert.ok(relayed > 0 && backlogPackets > 5_000, stdout);
  });
}
