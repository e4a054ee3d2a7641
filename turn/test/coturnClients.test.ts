// coturn's own clients against the relay: credentials by its use-auth-secret,
// and its reading of the RFCs rather than ours.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Relay, type RelayPorts } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';

const missing = ['turnutils_uclient', 'turnutils_stunclient'].filter((name) => spawnSync(name).error);
const skip = missing.length > 0 && `${missing.join(' and ')} (Debian's package coturn) not installed`;
let relay: Relay;
let ports: RelayPorts;

before(async () => {
  relay = new Relay(relayOptions({ tcpPort: 0 }));
  ports = await relay.start();
});
after(() => relay.stop());

/** What the program printed, whatever it thinks of it. */
function run(program: string, args: readonly string[]): Promise<string> {
  const port = String(args.includes('-t') ? ports.tcp : ports.udp);
  return new Promise((resolve) => {
    execFile(program, [...args, '-p', port, '127.0.0.1'], { timeout: 20_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

/** Two clients that send ten messages each to one another through their allocations. */
const call = (...args: string[]) =>
  run('turnutils_uclient', ['-u', 'ana', '-y', '-c', '-n', '10', '-m', '1', '-z', '5', ...args]);

test("coturn's stunclient learns its address", { skip }, async () => {
  assert.match(await run('turnutils_stunclient', []), /UDP reflexive addr: 127\.0\.0\.1:\d+/);
});

for (const [how, args] of [
  ['by channels over UDP', []],
  ['by indications over UDP', ['-s']],
  ['by channels over TCP', ['-t']],
] as const) {
  test(`[TURN-4] coturn's uclient relays ${how}`, { skip }, async () => {
    const said = await call('-W', SECRET, ...args);
    assert.match(said, /tot_send_msgs=20, tot_recv_msgs=20/);
    assert.match(said, /Total lost packets 0 /);
  });
}

test("[TURN-2] coturn's uclient with another secret gets nothing", { skip }, async () => {
  const before = relay.stats.allocatedTotal;
  assert.match(await call('-W', 'another secret'), /Cannot complete Allocation/);
  assert.equal(relay.stats.allocatedTotal, before);
});
