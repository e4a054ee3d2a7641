// What stock node-turn gets wrong, each a regression: the same probe of stock and
// of ours. That of stock must still go wrong: if one day it does not, a part of
// it may be kept. Without a probe, because nothing on the wire tells them apart:
// nonces by Math.random and a comparison of signatures in variable time (ours:
// node:crypto for both); what is absent there has tests of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CRITICAL } from './critical.ts';
import type { Finding } from './finding.ts';
import { HIGH } from './high.ts';
import { MEDIUM } from './medium.ts';
import { type Kind, Subject } from './subject.ts';

const FINDINGS: readonly Finding[] = [...CRITICAL, ...HIGH, ...MEDIUM];
/** Most of a probe is waiting for what does not come. */
const AT_ONCE = 6;

for (const kind of ['stock', 'ours'] as const) {
  describe(kind === 'stock' ? 'stock node-turn is wrong' : 'ours is right', { concurrency: AT_ONCE }, () => {
    let shared: Subject;
    before(async () => {
      shared = await Subject.start(kind);
    });
    after(() => shared.end());
    for (const finding of FINDINGS)
      test(`${finding.name} (${kind}: ${finding[kind]})`, async () => {
        assert.equal(await probed(finding, kind, shared), finding[kind]);
      });
  });
}

async function probed({ alone, probe }: Finding, kind: Kind, shared: Subject): Promise<string> {
  if (!alone) return probe(shared);
  const subject = await Subject.start(kind, alone).catch(() => undefined);
  if (!subject) return 'does not start';
  try {
    return await probe(subject);
  } finally {
    subject.end();
  }
}
