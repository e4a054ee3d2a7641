// People write to each other, send media, go offline and come back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { clip, photo } from '../src/mediaFiles.ts';
import type { Person } from '../src/person.ts';
import { everyByteIn } from '../src/taps.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: Person;
let bob: Person;

before(async () => {
  world = await World.open();
  [ana, bob] = await Promise.all([world.person('ana'), world.person('bob')]);
  await ana.signUp('Ana');
  await bob.signUp('Bob');
});
after(() => world?.close());

test('two people find each other by handle, one accepts the other, and the ticks of delivered and read are seen', async () => {
  await ana.chatWith('bob');
  await ana.say('Good morning, Bob');
  await bob.get('conversation-ana').waitFor();
  await ana.page.locator('[data-testid="message"][data-status="sent"]').waitFor();
  await bob.get('conversation-ana').click();
  await bob.message('Good morning, Bob').waitFor();
  assert.equal(await bob.get('composer').count(), 0, 'a stranger is accepted before they are answered');
  await bob.get('accept-request').click();
  await ana.page.locator('[data-testid="message"][data-status="read"]').waitFor();
  await bob.say('Good morning to you');
  await ana.message('Good morning to you').waitFor();
});

test('someone unknown is said plainly', async () => {
  await ana.get('new-chat').click();
  await ana.get('new-chat-handle').fill('nobody-at-all');
  await ana.get('new-chat-submit').click();
  await ana.page
    .getByText(/nobody here with the handle @nobody-at-all/)
    .first()
    .waitFor();
  await ana.page.keyboard.press('Escape');
  await ana.chatWith('bob');
});

test('a photo, a video and a file reach someone who was offline; the server holds only ciphertext', async () => {
  await bob.page.goto('about:blank');
  const picture = await photo(world.dir);
  const secret = `SECRET-${'0123456789abcdef'.repeat(64)}`;
  await ana.attach(picture);
  await ana.get('send').click();
  await ana.attach(await clip(world.dir));
  await ana.get('send').click();
  await ana.attach({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from(secret) });
  await ana.get('send').click();
  await ana.say('Did you get them?');
  for (const type of ['photo', 'video', 'file']) {
    await ana.page.locator(`[data-testid="message"][data-type="${type}"][data-status="sent"]`).waitFor();
  }
  await ana.message('Did you get them?').and(ana.page.locator('[data-status="sent"]')).waitFor();

  // Neither text, nor file, nor picture stands anywhere in what the services keep.
  const kept = everyByteIn(world.dataDir);
  for (const plain of [
    Buffer.from('Did you get them?'),
    Buffer.from('Good morning'),
    Buffer.from(secret.slice(0, 64)),
    readFileSync(picture).subarray(200, 264),
  ]) {
    assert.equal(kept.includes(plain), false);
  }

  await bob.page.goto(world.url);
  await bob.chatWith('ana');
  await bob.message('Did you get them?').waitFor();
  const image = bob.get('media-image').last();
  await image.waitFor();
  await bob.page.waitForFunction(() => {
    const images = [...document.querySelectorAll<HTMLImageElement>('[data-testid="media-image"]')];
    return images.some((element) => element.complete && element.naturalWidth > 0);
  });
  const opened = await bob.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    const [conversation] = await carillon.conversations();
    const list = await carillon.messages(conversation!.id, { limit: 50 });
    const media = list.filter((message) => message.body.type === 'media');
    return Promise.all(
      media.map(async (message) => ({
        kind: message.body.type === 'media' && message.body.media.kind,
        bytes: [...(await carillon.openMedia(message.id)).bytes.slice(0, 64)],
      })),
    );
  });
  assert.deepEqual(opened.map(({ kind }) => kind).sort(), ['file', 'photo', 'video']);
  const file = opened.find(({ kind }) => kind === 'file');
  assert.equal(Buffer.from(file!.bytes).toString(), secret.slice(0, 64));
});

test('a voice note is recorded, sent and played', async () => {
  await ana.get('voice-record').click();
  await ana.page.waitForTimeout(1_500);
  await ana.get('voice-send').click();
  await bob.page.locator('[data-testid="message"][data-type="voice-note"]').waitFor();
  const duration = await bob.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    const [conversation] = await carillon.conversations();
    const list = await carillon.messages(conversation!.id, { limit: 50 });
    const note = list.findLast((message) => message.body.type === 'media' && message.body.media.kind === 'voice-note');
    const { bytes, mimeType } = await carillon.openMedia(note!.id);
    const context = new AudioContext();
    const decoded = await context.decodeAudioData(bytes.buffer.slice(0));
    await context.close();
    return {
      seconds: decoded.duration,
      mimeType,
      waveform: note!.body.type === 'media' ? (note!.body.media.waveform?.length ?? 0) : 0,
    };
  });
  assert.ok(duration.seconds > 0.8 && duration.seconds < 5, JSON.stringify(duration));
  assert.ok(duration.waveform > 0);
});

test('everything is there after a reload, and after the server was killed and started again', async () => {
  await bob.page.reload();
  await bob.chatWith('ana');
  await bob.message('Good morning, Bob').waitFor();
  await world.kill();
  await ana.chatWith('bob');
  await ana.say('Written while the server was away');
  await world.start();
  await bob.message('Written while the server was away').waitFor();
  assert.equal(await bob.message('Written while the server was away').count(), 1);
  await ana.page.reload();
  await ana.chatWith('bob');
  await ana.message('Written while the server was away').waitFor();
});

test('a blob that was tampered with is refused by the client, and said plainly', async () => {
  await ana.attach({
    name: 'contract.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('the true words of the contract'),
  });
  await ana.get('send').click();
  await ana.page.waitForFunction(() => {
    const files = [...document.querySelectorAll('[data-testid="message"][data-outgoing="true"]')];
    const last = files.at(-1);
    return last?.textContent?.includes('contract.txt') && last.getAttribute('data-status') !== 'sending';
  });
  world.tamperNewestBlob();
  const words = await bob.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    const [conversation] = await carillon.conversations();
    const list = await carillon.messages(conversation!.id, { limit: 50 });
    const file = list.findLast(
      (message) => message.body.type === 'media' && message.body.media.fileName === 'contract.txt',
    );
    return carillon.openMedia(file!.id).then(
      () => 'opened',
      (error: Error) => error.message,
    );
  });
  assert.notEqual(words, 'opened');
  assert.match(words, /changed|tamper|not what was sent|altered/i);
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults], []);
});
