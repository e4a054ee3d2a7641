// coturn's own clients against the relay: credentials by its use-auth-secret,
// and its reading of the RFCs rather than ours.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { generate } from 'selfsigned';
import { Relay, type RelayPorts } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';

const missing = ['turnutils_uclient', 'turnutils_stunclient'].filter((name) => spawnSync(name).error);
const skip = missing.length > 0 && `${missing.join(' and ')} (Debian's package coturn) not installed`;
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const noIpv6 = !hasIpv6 && 'this machine has no ::1';
let relay: Relay;
let ports: RelayPorts;

before(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  const ipv6 = hasIpv6 ? { listen: '::1' } : undefined;
  const tls = { port: 0, cert: made.cert, key: made.private };
  relay = new Relay(relayOptions({ tcpPort: 0, tls, ipv6, allowPeers: ['127.0.0.1/32', '::1/128'] }));
  ports = await relay.start();
});
after(() => relay.stop());

/** What the program printed, whatever it thinks of it. */
function run(program: string, args: readonly string[], server = '127.0.0.1'): Promise<string> {
  const listener = server === '::1' ? ports.ipv6! : ports;
  const port = String(args.includes('-S') ? listener.tls : args.includes('-t') ? listener.tcp : listener.udp);
  return new Promise((resolve) => {
    execFile(program, [...args, '-p', port, server], { timeout: 20_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

/**
 * Two clients that send ten messages each to one another through their allocations; another user each time.
 * Over TLS they are apart in time: uclient reads one record an event and loses the next (at coturn too).
 */
let users = 0;
const call = (args: readonly string[], server?: string) => {
  const intervalMs = args.includes('-S') ? '50' : '5';
  const basics = ['-u', `ana${users++}`, '-y', '-c', '-n', '10', '-m', '1', '-z', intervalMs];
  return run('turnutils_uclient', [...basics, ...args], server);
};

test("coturn's stunclient learns its address", { skip }, async () => {
  assert.match(await run('turnutils_stunclient', []), /UDP reflexive addr: 127\.0\.0\.1:\d+/);
});

test("[TURN-12] coturn's stunclient learns its IPv6 address", { skip: skip || noIpv6 }, async () => {
  assert.match(await run('turnutils_stunclient', [], '::1'), /UDP reflexive addr: \[?::1\]?:\d+/);
});

describe("coturn's uclient relays", { concurrency: true }, () => {
  for (const [how, args, server] of [
    ['[TURN-4] by channels over UDP', []],
    ['[TURN-4] by indications over UDP', ['-s']],
    ['[TURN-4] by channels over TCP', ['-t']],
    ['[TURN-11] by channels over TLS', ['-t', '-S']],
    ['[TURN-12] from IPv6 to IPv6', ['-x'], '::1'],
    ['[TURN-12] from IPv6 to IPv6 by indications', ['-x', '-s'], '::1'],
    ['[TURN-12] from IPv6 over TLS to IPv6', ['-x', '-t', '-S'], '::1'],
    ['[TURN-12] from IPv4 to IPv6', ['-x']],
    ['[TURN-12] from IPv6 to IPv4', ['-X'], '::1'],
  ] as const) {
    const missingHere = skip || (how.includes('IPv6') && noIpv6);
    test(how, { skip: missingHere }, async () => {
      const said = await call(['-W', SECRET, ...args], server);
      assert.match(said, /tot_send_msgs=20, tot_recv_msgs=20/);
      assert.match(said, /Total lost packets 0 /);
    });
  }
});

test("[TURN-2] coturn's uclient with another secret gets nothing", { skip }, async () => {
  const before = relay.stats.allocatedTotal;
  assert.match(await call(['-W', 'another secret']), /Cannot complete Allocation/);
  assert.equal(relay.stats.allocatedTotal, before);
});
