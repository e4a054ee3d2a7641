import { describe, test } from 'node:test';
import { whyNoLab } from '../src/lab.ts';

/** A suite that needs namespaces; where there are none it stands among the skipped ones, with the reason. */
export function inLab(name: string, suite: () => void): void {
  const why = whyNoLab();
  if (why === undefined) describe(name, suite);
  else test(name, { skip: why }, () => {});
}
