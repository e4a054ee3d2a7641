import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import type { TransportAddress } from '../../src/core/address.ts';
import { UdpHandle } from '../../src/io/udpHandle.ts';
import { UdpSocket } from '../../src/io/udpSocket.ts';

const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const;

test('this Node has the handle that the relay knows', async () => {
  const lookup = (host: string, _: object, done: (error: null, address: string, family: number) => void) =>
    done(null, host, 4);
  const socket = createSocket({ type: 'udp4', lookup });
  await new Promise<void>((resolve) => socket.bind(0, LOOPBACK.ipv4, resolve));
  const handle = UdpHandle.of(socket);
  socket.close();
  assert.ok(handle);
});

for (const usesHandle of [true, false]) {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`datagrams over ${family} ${usesHandle ? 'by the handle' : 'by dgram'}`, async () => {
      const open = () => UdpSocket.bind(family, { address: LOOPBACK[family], port: 0 }, { usesHandle });
      const [here, there] = await Promise.all([open(), open()]);
      const heard: { text: string; from: TransportAddress }[] = [];
      const arrived = Promise.withResolvers<void>();
      there.listen((datagram, { address, port }) => {
        heard.push({ text: datagram.toString(), from: { address, port } });
        if (heard.length === 3) arrived.resolve();
      }, assert.ifError);
      here.listen(() => {}, assert.ifError);
      here.send(Buffer.from('one'), there.at);
      here.sendBoth([Buffer.from('tw'), Buffer.from('o')], there.at);
      here.send(Buffer.alloc(0), there.at);
      await arrived.promise;
      const { address, port } = here.at;
      assert.deepEqual(
        heard,
        ['one', 'two', ''].map((text) => ({ text, from: { address, port } })),
      );
      await here.close();
      // Lost, and no other socket is opened for it.
      here.send(Buffer.from('late'), there.at);
      here.sendBoth([Buffer.from('la'), Buffer.from('te')], there.at);
      await there.close();
      assert.equal(heard.length, 3);
    });
  }
}

test('what waits for the network is not sent with again', async () => {
  const [here, there] = await Promise.all(
    [1, 2].map(() => UdpSocket.bind('ipv4', { address: LOOPBACK.ipv4, port: 0 })),
  );
  const count = 20_000;
  const seen = new Set<number>();
  there!.listen((datagram) => {
    assert.equal(datagram.length, 1_000);
    assert.equal(datagram.readUInt32BE(0), datagram.readUInt32BE(996));
    seen.add(datagram.readUInt32BE(0));
  }, assert.ifError);
  for (let n = 0; n < count; n++) {
    const datagram = Buffer.alloc(1_000);
    datagram.writeUInt32BE(n, 0);
    datagram.writeUInt32BE(n, 996);
    here!.send(datagram, there!.at);
  }
  for (let before = -1; before !== seen.size; ) {
    before = seen.size;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(seen.size > 0);
  await here!.close();
  await there!.close();
});
