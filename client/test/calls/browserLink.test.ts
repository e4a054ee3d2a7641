// Lost descriptions between the peer connections of a real browser.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { LinkPage, Name } from './browser/linkPage.ts';
import { bundle, chromiumPath, eventually, launch } from './browser/pages.ts';

declare const page: LinkPage;

const skip = chromiumPath ? false : 'no Chromium: install it, or name one by CARILLON_CHROMIUM';
const BOTH: readonly Name[] = ['impolite', 'polite'];

describe('[CALL-70] in a browser', { skip, concurrency: true }, () => {
  let browser: Browser;
  let tab: Page;

  before(async () => {
    const [script, opened] = await Promise.all([bundle('./linkPage.ts'), launch()]);
    browser = opened;
    tab = await browser.newPage();
    await tab.route('**/*', (route) =>
      route.request().url().endsWith('/page.js')
        ? route.fulfill({ contentType: 'text/javascript', body: script })
        : route.fulfill({
            contentType: 'text/html',
            body: '<!doctype html><script type="module" src="/page.js"></script>',
          }),
    );
    await tab.goto('http://localhost/');
  });

  after(() => browser?.close());

  interface Ends {
    lose(from: Name, type: 'offer' | 'answer'): Promise<void>;
    restart(name: Name): Promise<void>;
    startOver(name: Name): Promise<void>;
  }

  function heals(what: string, disturb: (ends: Ends) => Promise<void>): void {
    test(what, async () => {
      await tab.evaluate((key) => page.open(key), what);
      const before = await eventually('a link', () => tab.evaluate((key) => page.agreed(key), what));
      await disturb({
        lose: (from, type) =>
          tab.evaluate(([key, who, lost]) => page.lose(key, who, lost), [what, from, type] as const),
        restart: (name) => tab.evaluate(([key, who]) => page.restart(key, who), [what, name] as const),
        startOver: (name) => tab.evaluate(([key, who]) => page.startOver(key, who), [what, name] as const),
      });
      // By new credentials.
      await eventually('a new link', async () => {
        const now = await tab.evaluate((key) => page.agreed(key), what);
        return now?.split(' ').every((part) => !before.includes(part));
      });
      assert.deepEqual(await tab.evaluate((key) => page.failures(key), what), []);
      await tab.evaluate((key) => page.close(key), what);
    });
  }

  for (const name of BOTH) {
    const other = BOTH.find((each) => each !== name)!;

    heals(`the ${name} end's offer of a restart is lost`, async ({ lose, restart }) => {
      await lose(name, 'offer');
      await restart(name);
    });

    heals(`the ${name} end's answer is lost`, async ({ lose, restart }) => {
      await lose(name, 'answer');
      await restart(other);
    });

    heals(`the ${name} end's offer is lost, and the other makes its own`, async ({ lose, restart }) => {
      await lose(name, 'offer');
      await restart(name);
      await pause(200);
      await restart(other);
    });

    heals(`the ${name} end's answer is lost, and it makes an offer of its own`, async ({ lose, restart }) => {
      await lose(name, 'answer');
      await restart(other);
      await pause(200);
      await restart(name);
    });

    heals(`the ${name} page starts over, and its offer is lost`, ({ startOver }) => startOver(name));
  }
});
