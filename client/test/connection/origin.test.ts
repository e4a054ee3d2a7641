import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpUrl, socketUrl } from '../../src/connection/origin.ts';

test('a server sends its devices to no other origin; only a room may be at another host', () => {
  assert.equal(httpUrl('https://calls.example/', '/media/v1/uploads'), 'https://calls.example/media/v1/uploads');
  assert.equal(httpUrl('https://calls.example/under', '/x?y=1'), 'https://calls.example/under/x?y=1');
  for (const path of ['https://evil.example/x', '@evil.example/x', '.evil.example/x', ':81/x', 'x', '']) {
    assert.throws(() => httpUrl('https://calls.example', path), { code: 'malformed-frame' }, path);
  }
  assert.equal(socketUrl('https://calls.example', '/sfu/v1/socket'), 'wss://calls.example/sfu/v1/socket');
  assert.equal(socketUrl('http://127.0.0.1:8080', 'wss://sfu2.example/s'), 'wss://sfu2.example/s');
  assert.throws(() => socketUrl('https://calls.example', '@evil.example'), { code: 'malformed-frame' });
});
