import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { ConfigError, describeConfig, fields, parseConfig } from '../src/index.ts';

const schema = z.object({
  X_PORT: fields.port(7),
  X_LIST: fields.list().describe('Some names.'),
  X_SECRET: z.string().min(4).describe('A secret.'),
});

test('variables are parsed, empty ones are as if absent, others are ignored', () => {
  assert.deepEqual(parseConfig(schema, { X_PORT: '', X_LIST: ' a, b ,', X_SECRET: 'four', Y: '1' }), {
    X_PORT: 7,
    X_LIST: ['a', 'b'],
    X_SECRET: 'four',
  });
});

test('every wrong variable is named at once', () => {
  assert.throws(
    () => parseConfig(schema, { X_PORT: '99999' }),
    (error) => error instanceof ConfigError && /X_PORT/.test(error.message) && /X_SECRET/.test(error.message),
  );
});

test('the help names each variable, what it does and its default', () => {
  const help = describeConfig(schema);
  assert.match(help, /X_PORT\n.*TCP port.*\(default: 7\)/);
  assert.match(help, /X_SECRET\n {6}A secret\.$/m);
});
