// Connections that prove nothing, over TCP and TLS, on real sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { before, type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { generate } from 'selfsigned';
import { ConnectionSlots, slotBounds } from '../src/core/connectionSlots.ts';
import { CLASS, encodeStun, METHOD } from '../src/core/stun.ts';
import type { ClientLink } from '../src/io/clientLink.ts';
import { StreamListener, type StreamListenerOptions } from '../src/io/streamListener.ts';

let tls: { cert: string; key: string };
before(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  tls = { cert: made.cert, key: made.private };
});

const BINDING = encodeStun({
  ...{ class: CLASS.request, method: METHOD.binding, transactionId: Buffer.alloc(12), attributes: [] },
});

async function listening(t: TestContext, changed: Partial<StreamListenerOptions> = {}) {
  const slots = changed.slots ?? new ConnectionSlots(slotBounds(50, 10_000));
  const links: ClientLink[] = [];
  const listener = new StreamListener({
    ...{ host: '127.0.0.1', port: 0, slots, onClosed: () => {} },
    onMessage: (message, link) => {
      links.push(link);
      link.send(message);
    },
    ...changed,
  });
  const port = await listener.start();
  t.after(() => listener.stop());
  const open = async (localAddress = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port, localAddress }).on('error', () => {});
    t.after(() => socket.destroy());
    socket.resume();
    await once(socket, 'connect');
    return socket;
  };
  return { slots, port, open, links };
}

test('[TURN-32] connections that never begin their TLS handshake are counted from the first', async (t) => {
  const { slots, open } = await listening(t, { tls });
  let closed = 0;
  const sockets = await Promise.all(Array.from({ length: 140 }, () => open()));
  await new Promise<void>((resolve) => {
    for (const socket of sockets) {
      const count = () => ++closed === 12 && resolve();
      if (socket.closed) count();
      else socket.once('close', count);
    }
  });
  assert.equal(slots.connections, 128);
});

test('[TURN-32] a few addresses that hold all there is do not shut out another', async (t) => {
  const slots = new ConnectionSlots({ perAddress: 4, perSite: 4, unproven: 8, connections: 20 });
  const { open } = await listening(t, { slots });
  const first = await open('127.0.1.1');
  const goes = closed(first);
  for (let n = 1; n < 8; n++) await open(`127.0.1.${1 + (n >> 2)}`);
  const honest = await open('127.0.2.1');
  await goes;
  const answer = once(honest, 'data', { signal: AbortSignal.timeout(3_000) });
  honest.write(BINDING);
  assert.deepEqual((await answer)[0], BINDING);
});

/** A connection that is cut off may end by an error, which is as good. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('it is still open')), 5_000);
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
}

for (const over of ['tcp', 'tls'] as const) {
  test(`[TURN-32] who says nothing over ${over} is soon left`, async (t) => {
    const patience = { firstMessageMs: 40, allocationMs: 60_000 };
    const { open, port, slots } = await listening(t, { patience, ...(over === 'tls' ? { tls } : {}) });
    await closed(await open());
    if (over === 'tls') {
      const silent = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }).on('error', () => {});
      t.after(() => silent.destroy());
      silent.resume();
      await closed(silent);
    }
    // The client may hear of it before its slot is free.
    while (slots.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
}

test('[TURN-32] who talks has longer to an allocation, and with one all the time', async (t) => {
  const patience = { firstMessageMs: 500, allocationMs: 40 };
  const { open, links } = await listening(t, { patience });
  const [talks, holds] = [await open(), await open()];
  const ends = closed(talks);
  const answered = once(holds, 'data');
  holds.write(BINDING);
  await answered;
  links[0]!.onAllocation?.(true);
  talks.write(BINDING);
  await ends;
  assert.ok(!holds.closed);
  const released = closed(holds);
  links[0]!.onAllocation?.(false);
  await released;
});

test('[TURN-36] a long message is only waited for from who has an allocation', async (t) => {
  const { open, links } = await listening(t);
  const [stranger, known] = [await open(), await open()];
  const announced = Buffer.from([0x40, 0, 0x20, 0]);
  const ends = closed(stranger);
  stranger.write(announced);
  await ends;
  const answered = once(known, 'data');
  known.write(BINDING);
  await answered;
  links[0]!.onAllocation?.(true);
  const whole = new Promise<void>((resolve) => {
    let bytes = 0;
    known.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes === 4 + 0x2000) resolve();
    });
  });
  known.write(Buffer.concat([announced, Buffer.alloc(0x2000)]));
  await whole;
});
