// Several devices of one account, groups, and what people see of each other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { photo } from '../src/mediaFiles.ts';
import type { Person } from '../src/person.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: Person;
let bob: Person;
let eva: Person;
let laptop: Person;

before(async () => {
  world = await World.open();
  [ana, bob, eva, laptop] = await Promise.all([
    world.person('ana'),
    world.person('bob'),
    world.person('eva'),
    world.person('ana'),
  ]);
  await ana.signUp('Ana');
  await bob.signUp('Bob');
  await eva.signUp('Eva');
});
after(() => world?.close());

test('a stranger who writes is asked about: no composer and no receipt until they are accepted', async () => {
  await ana.chatWith('bob');
  await ana.say('Hello Bob, it is Ana');
  await bob.get('conversation-ana').click();
  await bob.message('Hello Bob, it is Ana').waitFor();
  await bob.get('accept-request').waitFor();
  assert.equal(await bob.get('composer').count(), 0);
  const status = await ana.message('Hello Bob').getAttribute('data-status');
  assert.notEqual(status, 'read');
  await bob.get('accept-request').click();
  await bob.get('composer').waitFor();
  await ana.page.locator('[data-testid="message"][data-status="read"]').waitFor();
});

test('who is here and who is typing is seen while the conversation is open', async () => {
  await bob.say('Hello Ana');
  await ana.message('Hello Ana').waitFor();
  await ana.page.locator('[data-testid="chat-below"][data-online="true"]').waitFor();
  await bob.get('composer').pressSequentially('Have you se');
  await ana.page.getByTestId('chat-below').filter({ hasText: 'Bob is typing' }).waitFor();
  await ana.get('conversation-bob').filter({ hasText: 'Bob is typing' }).waitFor();
  await bob.say('Have you seen the bells?');
  await ana.message('Have you seen the bells?').waitFor();
  await ana.page.locator('[data-testid="chat-below"][data-typing="false"]').waitFor();
});

test('a second device is linked by the pasted code, gets the history, and both show what either sends', async () => {
  await laptop.linkTo(ana);
  await ana.page.locator('[data-testid="own-device"]').nth(1).waitFor();
  await ana.closeDialog();
  await laptop.get('conversation-bob').waitFor();
  await laptop.chatWith('bob');
  await laptop.message('Hello Bob, it is Ana').waitFor();
  await laptop.message('Hello Ana').waitFor();
  await laptop.say('From the laptop');
  await bob.message('From the laptop').waitFor();
  await ana.message('From the laptop').waitFor();
  assert.equal(await ana.message('From the laptop').getAttribute('data-outgoing'), 'true');
  await bob.say('To both of your devices');
  await Promise.all([
    ana.message('To both of your devices').waitFor(),
    laptop.message('To both of your devices').waitFor(),
  ]);
});

test('a group of three with a picture: everyone sees who wrote, and the author how many have read', async () => {
  await ana.chatWith('eva');
  await ana.say('Hello Eva');
  await eva.chatWith('ana');
  await ana.makeGroup('Bell ringers', ['bob', 'eva'], await photo(world.dir));
  await ana.get('group-picture').first().waitFor();
  await Promise.all([laptop.get('group-Bell ringers').waitFor(), bob.get('group-Bell ringers').click()]);
  await eva.get('group-Bell ringers').click();
  await ana.say('Practice on Friday?');
  await Promise.all([bob, eva].map((person) => person.message('Practice on Friday?').waitFor()));
  await bob.get('group-picture').first().waitFor();
  await bob.say('I will be there');
  const seen = eva.message('I will be there');
  await seen.waitFor();
  assert.match((await seen.textContent()) ?? '', /Bob/);
  await ana.message('Practice on Friday?').and(ana.page.locator('[data-status="read"]')).waitFor();
  await ana.message('Practice on Friday?').getByTestId('message-info').click();
  await ana.get('receipts-read').filter({ hasText: '2 of 2' }).waitFor();
  await ana.closeDialog();
});

test('the group is renamed, one is removed, and says so to who was', async () => {
  await ana.openInfo();
  await ana.get('group-name').fill('Friday ringers');
  await ana.get('rename-group').click();
  await Promise.all([bob.get('group-Friday ringers').waitFor(), laptop.get('group-Friday ringers').waitFor()]);
  await ana.get('member-eva').getByRole('button').first().click();
  await ana.get('member-eva').getByTestId('remove-member').click();
  await ana.get('member-eva').waitFor({ state: 'detached' });
  await ana.closeDialog();
  await eva.get('no-composer').waitFor();
  await ana.say('Only for those who are left');
  await bob.message('Only for those who are left').waitFor();
  assert.equal(await eva.message('Only for those who are left').count(), 0);
});

test('whoever is blocked is not heard, until they are not', async () => {
  await eva.chatWith('ana');
  await ana.chatWith('eva');
  await ana.openInfo();
  await ana.get('contact-block').click();
  await ana.get('contact-block').click();
  await ana.get('unblock').waitFor();
  await eva.say('Do you hear me?');
  await eva.message('Do you hear me?').and(eva.page.locator('[data-status="sent"]')).waitFor();
  await ana.get('unblock').click();
  await ana.get('composer').waitFor();
  await eva.say('And now?');
  await ana.message('And now?').waitFor();
  assert.equal(await ana.message('Do you hear me?').count(), 0);
});

test('a device that was removed says so, and keeps what it has', async () => {
  await ana.openLinkedDevices();
  await ana.get('remove-device').click();
  await ana.get('remove-device').click();
  await laptop.get('removed').waitFor();
  await laptop.message('From the laptop').waitFor();
  await ana.page.waitForFunction(() => document.querySelectorAll('[data-testid="own-device"]').length === 1);
});

test('it signs out, and is linked again by a code that the camera sees', async () => {
  await laptop.get('removed').getByRole('button').click();
  await laptop.get('sign-out').click();
  await laptop.get('sign-out').click();
  await laptop.get('link-this').click();
  await laptop.get('link-code').waitFor();
  await ana.seesByCamera(await laptop.page.locator('svg.qr').screenshot());
  await ana.get('link-device').click();
  await ana.get('scan-code').click();
  await ana.get('confirm-link').click();
  await laptop.get('conversation-bob').waitFor();
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual(
    [ana, bob, eva, laptop].flatMap(({ faults }) => faults),
    [],
  );
});
