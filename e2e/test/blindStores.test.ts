// The queue and the blob store: the bytes they keep open with what devices hold,
// and with nothing else. Devices are Node's, the services real.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { BlobTamperedError, openBlob } from '@carillon/media-pipeline/sealing';
import {
  createIdentity,
  createKemPrekeys,
  createOneTimePrekeys,
  createSignedPrekey,
  E2eeError,
} from '@carillon/messaging-core/e2ee';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { EnvelopeKind, LIMITS, type MediaMessage, MediaMessageSchema, type MessageId } from '@carillon/protocol';
import { type HeldKeys, heldKeys, openEnvelope } from '../src/heldKeys.ts';
import { photo } from '../src/mediaFiles.ts';
import { NodeDevice } from '../src/nodeDevice.ts';
import { everyByteIn, type QueuedEnvelope, queuedFor, storedBlob } from '../src/taps.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: NodeDevice;
let bob: NodeDevice;
let eva: NodeDevice;

before(async () => {
  world = await World.open();
  [ana, bob, eva] = (await Promise.all(['ana', 'bob', 'eva'].map((handle) => NodeDevice.open(world, handle)))) as [
    NodeDevice,
    NodeDevice,
    NodeDevice,
  ];
  await ana.carillon.startConversation('bob');
});
after(async () => {
  await Promise.all([ana, bob, eva].map((device) => device?.close()));
  await world?.close();
});

/** Sent, and in the server's queue for good, when it resolves. */
async function sent(id: MessageId): Promise<void> {
  await ana.until('message', async () => {
    const list = await ana.carillon.messages(bob.account.accountId, { limit: 50 });
    return list.some((message) => message.id === id && message.status === 'sent');
  });
}

interface Kept {
  /** For Bob. */
  readonly queue: QueuedEnvelope[];
  /** Every byte in the data folder of the services. */
  readonly bytes: Buffer;
}

function kept(): Kept {
  const { accountId, deviceId } = bob.account;
  const { queue, bytes } = world.frozen(() => ({
    queue: queuedFor(world.dataDir, { accountId, deviceId }),
    bytes: everyByteIn(world.dataDir),
  }));
  // The search is no use if it does not find what is there.
  for (const { ciphertext } of queue) assert.ok(bytes.includes(ciphertext.subarray(0, 64)));
  return { queue, bytes };
}

async function keysOf(handle: string): Promise<HeldKeys> {
  const store = NodeDevice.storeOf(world, handle);
  try {
    return await heldKeys(store);
  } finally {
    await store.close();
  }
}

/** Someone with an identity, prekeys of every id that is in use, and nothing else of Bob's but his address. */
function impostor(): HeldKeys {
  const identity = createIdentity(nativeProvider);
  const signed = createSignedPrekey(nativeProvider, identity, 1);
  const [oneTime] = createOneTimePrekeys(nativeProvider, 1, 1);
  const { privateKey } = createKemPrekeys(nativeProvider, identity, 1, 1)[0]!;
  const { accountId, deviceId } = bob.account;
  return {
    local: { accountId, deviceId },
    identity,
    prekeys: { signed: () => signed, oneTime: () => oneTime, kem: () => ({ privateKey, lastResort: true }) },
    sessions: new Map(),
  };
}

/** The texts that these keys open, in order. */
function textsOpened(held: HeldKeys, queue: readonly QueuedEnvelope[]): string[] {
  const texts: string[] = [];
  let keys = held;
  for (const envelope of queue) {
    try {
      const opened = openEnvelope(keys, envelope);
      keys = opened.held;
      const { body } = opened.content;
      if (body.case === 'text') texts.push(body.value.text);
    } catch (error) {
      assert.ok(error instanceof E2eeError, String(error));
    }
  }
  return texts;
}

async function keptWhileBobIsOff(words: readonly string[]): Promise<Kept> {
  await bob.close();
  for (const text of words) await sent((await ana.carillon.sendText(bob.account.accountId, text)).id);
  return kept();
}

/** Bob comes back and reads what was kept for him. */
async function bobReads(words: readonly string[]): Promise<void> {
  bob = await NodeDevice.open(world, 'bob');
  await bob.until('message', async () => {
    const list = await bob.carillon.messages(ana.account.accountId, { limit: 50 });
    const texts = list.map(({ body }) => (body.type === 'text' ? body.text : ''));
    return words.every((text) => texts.includes(text));
  });
}

const secretWords = (): string => `the safe opens with ${randomBytes(24).toString('hex')}`;

test('the queue keeps first messages that open with the recipient’s prekeys, and not without', async () => {
  const words = [secretWords(), secretWords()];
  const { queue, bytes } = await keptWhileBobIsOff(words);
  assert.ok(queue.length >= words.length && queue.every(({ kind }) => kind === EnvelopeKind.PREKEY));
  for (const text of words) assert.equal(bytes.includes(Buffer.from(text)), false);

  const bobs = await keysOf('bob');
  assert.deepEqual(textsOpened(bobs, queue), words);
  // Eva's prekeys have the ids of Bob's; taking his address for hers helps her no more than a new identity.
  const evas = await heldKeys(eva.store);
  assert.deepEqual(textsOpened(evas, queue), []);
  assert.deepEqual(textsOpened({ ...evas, local: bobs.local }, queue), []);
  assert.deepEqual(textsOpened(impostor(), queue), []);
  // Nor does Bob's identity alone, without his prekeys.
  assert.deepEqual(textsOpened({ ...impostor(), identity: bobs.identity }, queue), []);
  await bobReads(words);
});

test('the queue keeps messages of a session that open with the recipient’s session, and not without', async () => {
  // Bob's answer ends the handshake: from now on nothing but the session opens anything.
  const answer = await bob.carillon.sendText(ana.account.accountId, 'Here I am');
  await ana.until('message', async () =>
    (await ana.carillon.messages(bob.account.accountId, { limit: 50 })).some(({ id }) => id === answer.id),
  );
  const words = [secretWords()];
  const { queue, bytes } = await keptWhileBobIsOff(words);
  assert.ok(queue.length > 0 && queue.every(({ kind }) => kind === EnvelopeKind.RATCHET));
  assert.equal(bytes.includes(Buffer.from(words[0]!)), false);

  const bobs = await keysOf('bob');
  assert.deepEqual(textsOpened(bobs, queue), words);
  assert.deepEqual(textsOpened({ ...bobs, sessions: new Map() }, queue), []);
  // The same session, its chains those of someone who guesses; and the sender's own end of it.
  const guessed = new Map(
    [...bobs.sessions].map(([address, record]) => {
      const ratchet = { ...record.current.ratchet, rootKey: randomBytes32(), receiving: [] };
      return [address, { ...record, current: { ...record.current, ratchet } }] as const;
    }),
  );
  assert.deepEqual(textsOpened({ ...bobs, sessions: guessed }, queue), []);
  const [sendersEnd] = (await heldKeys(ana.store)).sessions.values();
  const mirrored = new Map([...bobs.sessions.keys()].map((address) => [address, sendersEnd!]));
  assert.deepEqual(textsOpened({ ...bobs, sessions: mirrored }, queue), []);
  await bobReads(words);
});

test('[BLOB-13] the blob store keeps what opens with the key in the recipient’s message, and not without', async () => {
  await bob.close();
  const file = await photo(world.dir);
  const caption = secretWords();
  const source = { kind: 'photo', fileName: 'photo.jpg', mimeType: 'image/jpeg', data: file, caption } as const;
  const { id } = await ana.carillon.sendMedia(bob.account.accountId, source);
  await sent(id);
  bob = await NodeDevice.open(world, 'bob');
  const received = (): Promise<Uint8Array | undefined> =>
    bob.store.transaction((tx) => tx.get<Uint8Array>('media', `key/${id}`));
  await bob.until('message', async () => (await received()) !== undefined);
  const message: MediaMessage = fromBinary(MediaMessageSchema, (await received())!);
  const secret = { key: message.key, sizeBytes: Number(message.sizeBytes), chunkBytes: message.chunkBytes };
  const blob = storedBlob(world.dataDir, message.blobId as Parameters<typeof storedBlob>[1]);

  const opened = await openBlob(blob, secret);
  assert.deepEqual(opened.subarray(0, 3), Uint8Array.of(0xff, 0xd8, 0xff), 'a JPEG');
  assert.deepEqual(opened, (await bob.carillon.openMedia(id)).bytes);
  assert.deepEqual(opened, (await ana.carillon.openMedia(id)).bytes);
  await assert.rejects(openBlob(blob, { ...secret, key: randomBytes(32) }), BlobTamperedError);

  const { bytes } = kept();
  assert.ok(bytes.includes(blob));
  assert.ok(message.thumbnail.length > 500);
  for (const plain of [Buffer.from(caption), Buffer.from(message.key)]) assert.equal(bytes.includes(plain), false);
  for (const plain of [opened, message.thumbnail, readFileSync(file)])
    for (const piece of pieces(plain)) assert.equal(bytes.includes(piece), false);
});

const PIECE_BYTES = 48;

/** Some of the beginning and of the middle of each chunk. */
function* pieces(plain: Uint8Array): Generator<Buffer> {
  for (let from = 0; from < plain.length; from += LIMITS.chunkBytes) {
    const chunk = Buffer.from(plain.subarray(from, from + LIMITS.chunkBytes));
    yield chunk.subarray(0, PIECE_BYTES);
    const middle = chunk.length >> 1;
    yield chunk.subarray(middle, middle + PIECE_BYTES);
  }
}

function randomBytes32(): Uint8Array<ArrayBuffer> {
  return nativeProvider.randomBytes(32);
}
