// Each kind of NAT does to real packets what its name says (the words are RFC 4787's).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Endpoint, type Host, Lab, type Nat, type NatKind, Probe } from '../src/lab.ts';
import { inLab } from './inLab.ts';

inLab('NATs', () => {
  let lab: Lab;
  let nat: Nat;
  let host: Host;
  let servers: Probe;
  let device: Probe;
  /** Two addresses, and two ports of the first. */
  let first: Endpoint;
  let otherPort: Endpoint;
  let otherAddress: Endpoint;
  let web: Endpoint;

  before(async () => {
    lab = Lab.open();
    nat = lab.nat('cone');
    host = lab.host().join(nat);
    servers = new Probe(lab.internet);
    device = new Probe(host.namespace);
    const [one, two] = lab.servers as readonly [string, string];
    first = { address: one, port: await servers.serve(one) };
    otherPort = { address: one, port: await servers.serve(one) };
    otherAddress = { address: two, port: await servers.serve(two) };
    web = { address: one, port: await servers.serve(one, 443) };
  });
  after(() => {
    servers?.close();
    device?.close();
    lab?.close();
  });

  async function mappings(kind: NatKind): Promise<readonly (string | undefined)[]> {
    nat.setKind(kind);
    const socket = await device.bind();
    return [
      await device.ask(socket, first),
      await device.ask(socket, otherPort),
      await device.ask(socket, otherAddress),
    ];
  }

  test('cone: one mapping for every destination', async () => {
    const seen = await mappings('cone');
    assert.ok(seen[0]?.startsWith(`${nat.address}:`), String(seen));
    assert.deepEqual(new Set(seen).size, 1, String(seen));
  });

  test('symmetric: another mapping for each address and port', async () => {
    const seen = await mappings('symmetric');
    assert.ok(
      seen.every((endpoint) => endpoint?.startsWith(`${nat.address}:`)),
      String(seen),
    );
    assert.equal(new Set(seen).size, 3, String(seen));
  });

  for (const kind of ['cone', 'symmetric'] as const) {
    test(`${kind}: only whom the device wrote to may answer`, async () => {
      nat.setKind(kind);
      const socket = await device.bind();
      const mapped = endpointOf(await device.ask(socket, first));
      await servers.say(first.port, mapped, 'from the first');
      assert.ok(await device.hears(socket, 'from the first'));
      await servers.say(otherPort.port, mapped, 'from another port');
      await servers.say(otherAddress.port, mapped, 'from another address');
      assert.equal(await device.hears(socket, 'from another port'), false);
      assert.equal(await device.hears(socket, 'from another address'), false);
    });
  }

  test('cone: two hosts behind two of them meet once both have written (a hole is punched)', async () => {
    nat.setKind('cone');
    const friend = lab.host().join(lab.nat('cone'));
    const probe = new Probe(friend.namespace);
    try {
      const [here, there] = [await device.bind(), await probe.bind()];
      const atHere = endpointOf(await device.ask(here, first));
      const atThere = endpointOf(await probe.ask(there, first));
      // The one that comes too early is dropped, and must not spoil the other's mapping.
      await device.say(here, atThere, 'too early');
      assert.equal(await probe.hears(there, 'too early'), false);
      await probe.say(there, atHere, 'through the hole');
      assert.ok(await device.hears(here, 'through the hole'));
      await device.say(here, atThere, 'and back');
      assert.ok(await probe.hears(there, 'and back'));
    } finally {
      probe.close();
    }
  });

  test('udp-blocked: TCP goes out, UDP does not', async () => {
    assert.deepEqual(await mappings('udp-blocked'), [undefined, undefined, undefined]);
    assert.ok((await device.dial(first))?.startsWith(`${nat.address}:`));
    assert.ok((await device.dial(web))?.startsWith(`${nat.address}:`));
  });

  test('https-only: TCP to port 443 goes out, nothing else does', async () => {
    assert.deepEqual(await mappings('https-only'), [undefined, undefined, undefined]);
    assert.equal(await device.dial(first), undefined);
    assert.ok((await device.dial(web))?.startsWith(`${nat.address}:`));
  });

  test('a host that changes its network has another address, inside and outside', async () => {
    nat.setKind('cone');
    const socket = await device.bind();
    const before = [host.address, endpointOf(await device.ask(socket, first)).address];
    const next = lab.nat('symmetric');
    host.join(next);
    const seen = [host.address, endpointOf(await device.ask(socket, first)).address];
    assert.equal(seen[1], next.address);
    assert.notDeepEqual(seen, before);
    host.join(nat);
  });
});

function endpointOf(text: string | undefined): Endpoint {
  const [address = '', port] = (text ?? '').split(':');
  return { address, port: Number(port) };
}
