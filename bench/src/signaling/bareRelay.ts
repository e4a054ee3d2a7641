// Run by servers.ts as a process of its own: the limit of this machine. Hands each
// frame to the partner, a roster's size instead of an act, and answers it.
import { WebSocket, WebSocketServer } from 'ws';
import { FRAME } from './bareSide.ts';

const STATE = Buffer.alloc(150, FRAME.state);
const ANSWER = Buffer.alloc(6, FRAME.answer);

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  const address = server.address();
  process.send?.({ type: 'ready', port: typeof address === 'object' && address ? address.port : 0 });
});
const sockets = new Map<number, WebSocket>();

server.on('connection', (socket, request) => {
  const index = Number(request.url!.slice(1));
  sockets.set(index, socket);
  socket.on('message', (data: Buffer) => {
    const partner = sockets.get(index ^ 1);
    if (data[0] !== FRAME.unheard && partner?.readyState === WebSocket.OPEN)
      partner.send(data[0] === FRAME.state ? STATE : data);
    socket.send(ANSWER);
  });
});
process.on('disconnect', () => process.exit());
