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
import { type Kind, Refused, Subject } from './subject.ts';

const FINDINGS: readonly Finding[] = [...CRITICAL, ...HIGH, ...MEDIUM];
/** Most of a probe is waiting for what does not come. */
const PROBES_AT_ONCE = 6;
/** Their starts are what takes long. */
const PROCESSES_AT_ONCE = 2;

for (const kind of ['stock', 'ours'] as const) {
  const title = kind === 'stock' ? 'stock node-turn is wrong' : 'ours is right';
  describe(title, { concurrency: PROBES_AT_ONCE }, () => {
    let shared: Subject;
    before(async () => {
      shared = await Subject.start(kind);
    });
    after(() => shared.end());
    for (const finding of FINDINGS.filter(({ alone }) => !alone))
      test(`${finding.name} (${kind}: ${finding[kind]})`, async () => {
        assert.equal(await finding.probe(shared), finding[kind]);
      });
  });
  describe(`${title}, in a process of its own`, { concurrency: PROCESSES_AT_ONCE }, () => {
    for (const finding of FINDINGS.filter(({ alone }) => alone))
      test(`${finding.name} (${kind}: ${finding[kind]})`, async () => {
        assert.equal(await alone(finding, kind), finding[kind]);
      });
  });
}

async function alone(finding: Finding, kind: Kind): Promise<string> {
  let subject: Subject;
  try {
    subject = await Subject.start(kind, finding.alone);
  } catch (error) {
    if (error instanceof Refused) return 'does not start';
    throw error;
  }
  try {
    return await finding.probe(subject);
  } finally {
    subject.end();
  }
}
