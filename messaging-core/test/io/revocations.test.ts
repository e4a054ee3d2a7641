// The list of removed devices, and what happens while it cannot be written.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { type AccountId, type Address, addressKey, type DeviceId, ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { Revocations } from '../../src/io/revocations.ts';
import { messageId } from '../testDevice.ts';

test('[AUTH-12] what cannot be listed now is listed later; nodes hear of what is listed', async (t) => {
  const shortLived = new MemoryShortLived(Date.now);
  const put = shortLived.put.bind(shortLived);
  let away = true;
  shortLived.put = async (...args) => {
    if (away) throw new ProtocolError('internal-error');
    await put(...args);
  };
  const revocations = new Revocations({ shortLived, now: Date.now, log: silentLog, lookEveryMs: 5 });
  t.after(() => revocations.close());
  const heard = new EventEmitter();
  revocations.onRevoked((addresses) => heard.emit('revoked', addresses));
  const address: Address = { accountId: messageId() as AccountId, deviceId: 2 as DeviceId };
  await assert.rejects(revocations.add(address), { code: 'internal-error' });
  assert.deepEqual((await revocations.document()).body.devices, []);
  away = false;
  const [addresses] = await once(heard, 'revoked');
  assert.deepEqual(addresses, new Set([addressKey(address)]));
  assert.deepEqual((await revocations.document()).body.devices, [address]);
});
