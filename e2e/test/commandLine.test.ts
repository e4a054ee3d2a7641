// The command line and the browser talk, send and call: the same path, headless.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { CarillonApi } from '@carillon/client';
import { film, photo } from '../src/mediaFiles.ts';
import type { Person } from '../src/person.ts';
import { World } from '../src/world.ts';

const main = path.resolve(import.meta.dirname, '../../client/src/cli/main.ts');
let world: World;
let bob: Person;
const running = new Set<ChildProcess>();

before(async () => {
  world = await World.open();
  bob = await world.person('bob');
  await bob.signUp('Bob');
});
after(async () => {
  for (const child of running) child.kill('SIGKILL');
  await world?.close();
});

function start(...args: string[]): { child: ChildProcess; lines: string[]; ended: Promise<number> } {
  const globals = ['--server', world.url, '--data-dir', path.join(world.dir, 'cli'), '--json'];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args, ...globals], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  createInterface({ input: child.stderr! }).on('line', (line) => lines.push(line));
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number;
  });
  return { child, lines, ended };
}

async function carillon(...args: string[]): Promise<Record<string, unknown>[]> {
  const { lines, ended } = start(...args);
  assert.equal(await ended, 0, `carillon ${args.join(' ')}: ${lines.join('\n')}`);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('it signs up, and says plainly who is not there', async () => {
  const [sent] = await carillon('register', 'ana', '--no-prompt');
  await carillon('verify', String(sent!.registrationId), world.codeFor('ana')!);
  const { lines, ended } = start('send', 'nobody-here', 'hello');
  assert.equal(await ended, 1);
  assert.match(lines.join(), /nobody/i);
});

test('texts, a photo by sharp and a video by ffmpeg arrive in the browser', async () => {
  await carillon('send', 'bob', 'from a terminal');
  await carillon('send-photo', 'bob', await photo(world.dir));
  await carillon('send-video', 'bob', await film(world.dir, 2));
  await bob.chatWith('ana');
  await bob.message('from a terminal').waitFor();
  await bob.page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLImageElement>('[data-testid="media-image"]')].some(
      (image) => image.naturalWidth > 0,
    ),
  );
  await bob.page.locator('[data-testid="message"][data-type="video"]').waitFor();
});

test('it listens, and keeps the media that come', async () => {
  const { lines, ended } = start('listen', '--save', path.join(world.dir, 'saved'), '--count', '2', '--for', '60');
  await bob.say('to a terminal');
  await bob.attach({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('saved by the terminal') });
  await bob.get('send').click();
  assert.equal(await ended, 0, lines.join('\n'));
  assert.ok(lines.some((line) => line.includes('to a terminal')));
  assert.ok(
    readdirSync(path.join(world.dir, 'saved'), { recursive: true }).some((name) => String(name).includes('note')),
  );
});

test('it calls a browser with a film, which is seen and heard', async () => {
  const { child, lines, ended } = start('call', 'bob', '--video', '--media', await film(world.dir, 30));
  await bob.get('accept-video').click();
  await bob.callIs('active', 'peer');
  await bob.seesAndHears();
  await bob.get('hang-up').click();
  assert.equal(await ended, 0, lines.join('\n'));
  assert.equal(child.signalCode, null);
});

test('[CLINK-1] it waits at a call link and is let in; and lets in who waits at its own', async () => {
  const url = await bob.page.evaluate(async () => {
    const { carillon } = globalThis as unknown as { carillon: CarillonApi };
    return (await carillon.links.create({ name: 'Desk', video: true, kind: 'one', lobby: true })).url;
  });
  const joined = start('join', url, '--media', await film(world.dir, 30));
  await bob.get('knock-ana').getByTestId('admit-knock').click();
  await bob.callIs('active', 'peer');
  await bob.seesAndHears();
  await bob.get('hang-up').click();
  assert.equal(await joined.ended, 0, joined.lines.join('\n'));

  const [link] = await carillon('links', 'create', 'Terminal', '--video');
  const listening = start('listen', '--admit', '--media', await film(world.dir, 30));
  await bob.get('call-screen').waitFor({ state: 'detached' });
  await bob.page.goto(String(link!.url));
  await bob.get('join-call').click();
  await bob.callIs('active', 'peer');
  await bob.seesAndHears();
  await bob.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
  listening.child.kill('SIGINT');
  assert.equal(await listening.ended, 0, listening.lines.join('\n'));
});

test('nothing failed unseen in the page', () => assert.deepEqual(bob.faults, []));
