// The machine's raw limit for moving a file: the least that a Node server can do
// and still promise that what it answered is on the disk.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RawServer {
  readonly url: string;
  close(): Promise<void>;
}

/** PUT writes the body to `file` and fsyncs it before 204; GET sends it back. */
export async function openRawServer(file: string): Promise<RawServer> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      createReadStream(file).pipe(response);
      return;
    }
    void (async () => {
      const target = await open(file, 'w');
      for await (const chunk of request) await target.write(chunk as Buffer);
      await target.sync();
      await target.close();
      response.writeHead(204).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
