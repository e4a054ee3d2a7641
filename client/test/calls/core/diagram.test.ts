import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { phaseDiagram } from '../../../src/calls/core/diagram.ts';

test('README.md shows the phases as the table has them', () => {
  const readme = readFileSync(new URL('../../../src/calls/README.md', import.meta.url), 'utf8');
  assert.ok(
    readme.includes(`\`\`\`mermaid\n${phaseDiagram()}\n\`\`\``),
    'node src/calls/core/diagram.ts prints what belongs there',
  );
});
