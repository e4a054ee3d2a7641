import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { MessagingClientFrameSchema, MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
import { FrameSocket } from '../../src/connection/frameSocket.ts';
import { FrameHost } from './frameHost.ts';

type Socket = FrameSocket<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema>;

describe('FrameSocket', () => {
  const host = new FrameHost({
    authenticate: ({ token }) => {
      if (token === 'old') throw new ProtocolError('token-expired');
    },
    request: (connection, { body }) => {
      if (body.case === 'findAccount' && body.value.handle === 'ann') {
        connection.send({ body: { case: 'drained', value: {} } });
        return { body: { case: 'account', value: { accountId: 'A', handle: 'ann', deviceIds: [1] } } };
      }
      if (body.case === 'findAccount') throw new ProtocolError('account-unknown');
      if (body.case === 'ack') return { body: { case: 'account', value: {} } };
      if (body.case === 'fetchBundles') connection.fail(new ProtocolError('shutting-down'));
      if (body.case === 'send') {
        throw new ProtocolError('stale-devices', { staleDevices: { accountId: 'A', missing: [2], gone: [3] } });
      }
      return undefined;
    },
  });
  before(() => host.start());
  after(() => host.stop());

  const open: Socket[] = [];
  const connect = async (options: { requestTimeoutMs?: number; url?: string; token?: string } = {}) => {
    const pushes: string[] = [];
    const closed = Promise.withResolvers<ProtocolError>();
    const socket: Socket = new FrameSocket({
      url: options.url ?? host.url,
      WebSocket,
      clientFrame: MessagingClientFrameSchema,
      serverFrame: MessagingServerFrameSchema,
      onPush: ({ case: name }) => pushes.push(name),
      onClose: (reason) => closed.resolve(reason),
      ...(options.requestTimeoutMs ? { requestTimeoutMs: options.requestTimeoutMs } : {}),
    });
    open.push(socket);
    const welcome = await socket.connect(options.token ?? 'fresh');
    return { socket, welcome, pushes, closed: closed.promise };
  };
  after(() => {
    for (const socket of open) socket.close();
  });

  test('a request that cannot be encoded is refused alone; the connection goes on', async () => {
    const { socket } = await connect({ requestTimeoutMs: 100 });
    await assert.rejects(socket.request({ case: 'ack', value: { seqs: [-1n] } }, 'acked'));
    // Longer than an answer would be waited for.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(socket.isOpen);
  });

  test('a server that takes the connection and says nothing is given up, and told of in words', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const socket: Socket = new FrameSocket({
      url: `ws://127.0.0.1:${(silent.address() as AddressInfo).port}/frames`,
      WebSocket,
      clientFrame: MessagingClientFrameSchema,
      serverFrame: MessagingServerFrameSchema,
      onPush: () => {},
      connectTimeoutMs: 50,
    });
    await assert.rejects(socket.connect('token'), { code: 'unreachable', message: 'The server does not answer.' });
    silent.close();
  });

  test('says hello, gets replies by number and pushes in order', async () => {
    const { socket, welcome, pushes } = await connect();
    assert.equal(welcome.handle, 'ann');
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => socket.request({ case: 'findAccount', value: { handle: 'ann' } }, 'account')),
    );
    assert.ok(replies.every((reply) => reply.accountId === 'A'));
    assert.equal(pushes.length, 20);
  });

  test('a failure becomes a ProtocolError with its details', async () => {
    const { socket } = await connect();
    await assert.rejects(socket.request({ case: 'findAccount', value: { handle: 'bob' } }, 'account'), {
      code: 'account-unknown',
      message: 'There is nobody with this name.',
    });
    await assert.rejects(socket.request({ case: 'send', value: {} }, 'sent'), (error: ProtocolError) => {
      assert.deepEqual(error.details.staleDevices?.missing, [2]);
      assert.deepEqual(error.details.staleDevices?.gone, [3]);
      return true;
    });
  });

  test('a reply of another case than asked for is refused', async () => {
    const { socket } = await connect();
    await assert.rejects(socket.request({ case: 'ack', value: { seqs: [] } }, 'acked'), { code: 'malformed-frame' });
  });

  test('a refused hello says why', async () => {
    await assert.rejects(connect({ token: 'old' }), { code: 'token-expired' });
  });

  test('a server that is not there is unreachable, in words', async () => {
    await assert.rejects(connect({ url: 'ws://127.0.0.1:1/' }), {
      code: 'unreachable',
      message: 'The server cannot be reached.',
    });
  });

  test('a close ends the requests under way with its reason', async () => {
    const { socket, closed } = await connect();
    const waiting = socket.request({ case: 'publishPrekeys', value: {} }, 'prekeys');
    const cause = socket.request({ case: 'fetchBundles', value: {} }, 'bundles');
    await assert.rejects(waiting, { code: 'shutting-down' });
    await assert.rejects(cause, { code: 'shutting-down' });
    assert.equal((await closed).code, 'shutting-down');
    await assert.rejects(socket.request({ case: 'ack', value: {} }, 'acked'), { code: 'unreachable' });
  });

  test('a request without an answer ends the connection', async () => {
    const { socket, closed } = await connect({ requestTimeoutMs: 50 });
    await assert.rejects(socket.request({ case: 'publishPrekeys', value: {} }, 'prekeys'), { code: 'unreachable' });
    assert.equal((await closed).message, 'The server does not answer.');
  });

  test('no more requests than the bound wait at once', async () => {
    const { socket } = await connect();
    const waiting = Array.from({ length: 257 }, () =>
      socket.request({ case: 'publishPrekeys', value: {} }, 'prekeys').catch((error: ProtocolError) => error),
    );
    assert.match((await waiting[256]!) instanceof Error ? String(await waiting[256]) : '', /does not keep up/);
    socket.close();
    await Promise.all(waiting);
  });
});
