// Makes the pictures of README.md anew, from the running app.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fractal, World } from '@carillon/e2e';
import { ensureWorker } from '@carillon/sfu/worker';
import { ensureWebBuild } from './prerequisites/webBuild.ts';

const QUALITY_MS = 60_000;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(
    'node scripts/screenshot.ts\n\nSigns two people up, lets them write and call, and writes docs/chat.png and docs/call.png.',
  );
} else {
  await ensureWorker({ log: console.log });
  await ensureWebBuild(console.log);
  const docs = path.resolve(import.meta.dirname, '../docs');
  mkdirSync(docs, { recursive: true });
  const world = await World.open();
  try {
    const ana = await world.person('ana', { viewport: { width: 1120, height: 720 } });
    const bob = await world.person('bob', { viewport: { width: 1120, height: 720 } });
    await ana.signUp('Ana');
    await bob.signUp('Bob');
    await ana.chatWith('bob');
    await ana.say('Look what I drew this morning.');
    await ana.attach(await fractal(world.dir));
    await ana.get('send').click();
    await bob.chatWith('ana');
    await bob.page.locator('[data-testid="media-image"][data-opened="true"]').waitFor();
    await bob.say('Lovely, thank you! Do you have five minutes for a call?');
    await ana.message('five minutes').waitFor();
    await ana.say('Always.');
    await bob.message('Always.').waitFor();
    await ana.page.locator('[data-testid="message"][data-status="read"]', { hasText: 'Always.' }).waitFor();
    await ana.page.screenshot({ path: path.join(docs, 'chat.png') });
    await bob.get('call-video').click();
    await ana.get('accept-video').click();
    await ana.seesAndHears();
    // A busy machine's first seconds look like a poor connection; three bars are the best.
    await ana.page.locator('[data-testid="quality"][data-quality="3"]').waitFor({ timeout: QUALITY_MS });
    await ana.page.screenshot({ path: path.join(docs, 'call.png') });
  } finally {
    await world.close();
  }
}
