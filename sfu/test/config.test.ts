import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, describeConfig, parseConfig } from '@carillon/service';
import { sfuConfigSchema } from '../src/index.ts';

test('the defaults serve this machine only', () => {
  const config = parseConfig(sfuConfigSchema, {});
  assert.equal(config.CARILLON_SFU_HTTP_HOST, '127.0.0.1');
  assert.equal(config.CARILLON_SFU_LISTEN_IP, '127.0.0.1');
  assert.equal(config.CARILLON_SFU_WORKERS, 1);
});

test('listening everywhere without an announced address is refused, as clients could not reach it', () => {
  const wildcard = { CARILLON_SFU_LISTEN_IP: '0.0.0.0' };
  assert.throws(() => parseConfig(sfuConfigSchema, wildcard), ConfigError);
  assert.deepEqual(
    parseConfig(sfuConfigSchema, { ...wildcard, CARILLON_SFU_ANNOUNCED: '192.0.2.1, a.example' })
      .CARILLON_SFU_ANNOUNCED,
    ['192.0.2.1', 'a.example'],
  );
});

test('every field is described', () => {
  for (const [name, field] of Object.entries(sfuConfigSchema.shape)) assert.ok(field.description, name);
  assert.match(describeConfig(sfuConfigSchema), /CARILLON_SFU_RTC_PORT\n {6}\S.*\(default: 7150\)/);
});
