// Upload and download of a sealed file, end to end, beside a bare server that
// only writes and reads it.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CarillonApi, Message } from '@carillon/client/node';
import type { World } from '@carillon/e2e';
import { device } from './device.ts';
import { openRawServer } from './rawServer.ts';
import type { Row } from './report.ts';
import { median } from './statistics.ts';

const BYTES = 64 * 1024 * 1024;
const ROUNDS = 3;

export async function measureMedia(world: World, say: (words: string) => void): Promise<Row[]> {
  const sender = await device(world, 'upload');
  const receiver = await device(world, 'download');
  const raw = await openRawServer(path.join(world.dir, 'raw.bin'));
  const conversation = await sender.startConversation('download');
  const samples = { up: [] as number[], down: [] as number[], rawUp: [] as number[], rawDown: [] as number[] };
  const perSecond = (beganMs: number) => BYTES / 1e6 / ((performance.now() - beganMs) / 1000);
  for (let round = 0; round < ROUNDS; round++) {
    say(`media: round ${round + 1} of ${ROUNDS}`);
    const file = path.join(world.dir, `file-${round}`);
    await writeFile(file, randomBytes(BYTES));
    const body = await readFile(file);

    let began = performance.now();
    await (await fetch(raw.url, { method: 'PUT', body })).arrayBuffer();
    samples.rawUp.push(perSecond(began));
    began = performance.now();
    await (await fetch(raw.url)).arrayBuffer();
    samples.rawDown.push(perSecond(began));

    const arrived = nextMedia(receiver);
    began = performance.now();
    const message = await sender.sendMedia(conversation.with.accountId, {
      kind: 'file',
      fileName: 'file',
      mimeType: 'application/octet-stream',
      data: file,
    });
    await sent(sender, message);
    samples.up.push(perSecond(began));
    const { id } = await arrived;
    began = performance.now();
    await receiver.openMedia(id);
    samples.down.push(perSecond(began));
  }
  await Promise.all([sender.close(), receiver.close(), raw.close()]);
  const how = `median of ${ROUNDS} files of ${BYTES / 2 ** 20} MiB; ours seals, hashes, stores and verifies`;
  return [
    {
      what: 'upload',
      value: median(samples.up),
      unit: 'MB/s',
      beside: { what: 'bare server, fsync', value: median(samples.rawUp) },
      how,
    },
    {
      what: 'download',
      value: median(samples.down),
      unit: 'MB/s',
      beside: { what: 'bare server', value: median(samples.rawDown) },
      how,
    },
  ];
}

function nextMedia(carillon: CarillonApi): Promise<Message> {
  return new Promise((resolve) => {
    const stop = carillon.on('message', (message) => {
      if (message.outgoing || message.body.type !== 'media') return;
      stop();
      resolve(message);
    });
  });
}

function sent(carillon: CarillonApi, { id }: Message): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = carillon.on('message', (message) => {
      if (message.id !== id || message.status === 'sending') return;
      stop();
      if (message.status === 'failed') reject(new Error(message.failure));
      else resolve();
    });
  });
}
