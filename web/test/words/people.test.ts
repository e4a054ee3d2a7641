import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, Contact, Handle, OwnDeviceView } from '@carillon/client';
import { deviceName } from '../../src/words/deviceName.ts';
import { historyShare, historyWords } from '../../src/words/history.ts';
import { ownDeviceWords } from '../../src/words/ownDevice.ts';
import { memberWords, presenceWords, typingWords } from '../../src/words/people.ts';
import { receiptWords } from '../../src/words/ticks.ts';

const NOW = new Date(2026, 5, 17, 15).getTime();
const HOUR = 3_600_000;
const contact = (name: string): Contact => ({ accountId: name as AccountId, handle: name as Handle, name });

test('who is typing is named, and many are counted', () => {
  assert.equal(typingWords([]), '');
  assert.equal(typingWords([contact('Ana')]), 'Ana is typing…');
  assert.equal(typingWords(['Ana', 'Bob'].map(contact)), 'Ana and Bob are typing…');
  assert.equal(typingWords(['Ana', 'Bob', 'Eva'].map(contact)), 'Ana and 2 others are typing…');
});

test('last seen is a clock time for a week, then a date; hidden is nothing', () => {
  const seen = (agoMs: number) =>
    presenceWords({ accountId: 'a' as AccountId, visible: true, online: false, lastSeenMs: NOW - agoMs }, NOW, 'en-GB');
  assert.equal(seen(5 * HOUR), 'last seen today at 10:00');
  assert.equal(seen(20 * HOUR), 'last seen yesterday at 19:00');
  assert.equal(seen(3 * 24 * HOUR), 'last seen on Sunday at 15:00');
  assert.equal(seen(30 * 24 * HOUR), 'last seen on 18 May');
  assert.equal(seen(400 * 24 * HOUR), 'last seen on 13 May 2025');
  const view = { accountId: 'a' as AccountId, visible: true, online: true, lastSeenMs: 0 };
  assert.equal(presenceWords(view, NOW, 'en-GB'), 'online');
  assert.equal(presenceWords({ ...view, online: false }, NOW, 'en-GB'), '');
  assert.equal(presenceWords({ ...view, visible: false }, NOW, 'en-GB'), '');
  assert.equal(presenceWords(undefined, NOW, 'en-GB'), '');
});

test('members are named up to a number', () => {
  assert.equal(memberWords(['Ana', 'Bob', 'you'], 3), 'Ana, Bob, you');
  assert.equal(memberWords(['Ana', 'Bob', 'Eva', 'you'], 2), 'Ana, Bob and 2 more');
});

test('receipts of a group are counted', () => {
  assert.equal(receiptWords({ delivered: 5, read: 3, of: 7 }), 'delivered to 5 of 7, read by 3');
  assert.equal(receiptWords({ delivered: 0, read: 0, of: 0 }), 'nobody else was in the group');
});

test('a device is named by its browser and its system, the youngest name first', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36';
  assert.equal(deviceName(chrome), 'Chrome on Linux');
  assert.equal(deviceName(`${chrome} Edg/140.0`), 'Edge on Linux');
  assert.equal(
    deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604'),
    'Safari on iPhone',
  );
  assert.equal(deviceName('Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko Firefox/140.0'), 'Firefox on Android');
  assert.equal(deviceName('something else'), 'Browser on this device');
});

test('an own device says what it is and when it was here, to the day', () => {
  const device: OwnDeviceView = {
    deviceId: 2 as OwnDeviceView['deviceId'],
    name: 'Firefox on Linux',
    primary: false,
    current: false,
    linkedAtMs: NOW - 90 * HOUR,
    lastSeenMs: NOW - 20 * HOUR,
    connected: false,
  };
  assert.equal(ownDeviceWords(device, NOW, 'en-GB'), 'Linked · last seen yesterday');
  assert.equal(ownDeviceWords({ ...device, lastSeenMs: NOW - HOUR }, NOW, 'en-GB'), 'Linked · last seen today');
  assert.equal(ownDeviceWords({ ...device, connected: true }, NOW, 'en-GB'), 'Linked · connected now');
  assert.equal(ownDeviceWords({ ...device, primary: true, current: true }, NOW, 'en-GB'), 'Main device · this one');
});

test('history says which way it goes and how far it is', () => {
  const progress = { direction: 'receiving', stage: 'transferring', done: 3, total: 4, words: undefined } as const;
  assert.equal(historyWords(progress), 'Your earlier messages are coming');
  assert.equal(historyWords({ ...progress, direction: 'sending' }), 'Sending your messages to the new device');
  assert.equal(historyShare(progress), 0.75);
  assert.equal(historyShare({ ...progress, total: 0 }), undefined);
});
