import { test } from 'node:test';
import { World } from '../src/world.ts';
test('x', async () => {
  const world = await World.open();
  try {
    const p = await world.person('ann') as any;
    p.page.on('console', (m: any) => console.log('console', m.text()));
    p.page.on('pageerror', (m: any) => console.log('pageerror', m));
    p.page.on('response', (r: any) => { if (r.status() >= 400) console.log(r.status(), r.url()); });
    const t = performance.now();
    await p.signUp().catch((e: Error) => console.log(e.message.slice(0, 100)));
    console.log(performance.now() - t, await p.page.locator('body').innerText());
  } finally { await world.close(); }
});
