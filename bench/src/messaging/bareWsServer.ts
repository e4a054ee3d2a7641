// Run by bareWs.ts as a process of its own.
import { WebSocket, WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address ? address.port : 0);
});
const sockets: WebSocket[] = [];
const accepted = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
const acknowledged = Buffer.from([4]);

server.on('connection', (socket, request) => {
  const index = Number(request.url!.slice(1));
  sockets[index] = socket;
  socket.on('message', (data: Buffer) => {
    if (data[0] === 1) {
      const partner = sockets[index ^ 1];
      if (partner?.readyState === WebSocket.OPEN) partner.send(data);
      socket.send(accepted);
    } else {
      socket.send(acknowledged);
    }
  });
});
process.on('disconnect', () => process.exit());
