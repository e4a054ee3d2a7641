import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeNodeSignal, encodeNodeSignal } from '../../../src/io/redis/nodeSignals.ts';
import { newAddress } from '../../switchboardContract.ts';

test('what a node says is read as it was meant; whatever else comes is nothing', () => {
  const said = { address: newAddress(), attachment: undefined, signal: { type: 'queued' } } as const;
  assert.deepEqual(decodeNodeSignal(Buffer.from(encodeNodeSignal(said))), said);
  for (const text of ['', '{', 'null', '{}', '{"signal":{"type":"ephemeral"}}'])
    assert.equal(decodeNodeSignal(Buffer.from(text)), undefined);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      decodeNodeSignal(Buffer.from(bytes));
    }),
  );
});
