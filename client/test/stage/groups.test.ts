import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Carillon } from '../../src/carillon.ts';
import { type Group, groupOf, hasGroup, hears, said } from './groupWatching.ts';
import { Stage, until } from './stage.ts';
import { goesOffline, goesOnline, idOf, reaches } from './watching.ts';

describe('groups', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await new Stage().start();
  });
  afterEach(() => stage.stop());

  const people = (...names: string[]) => Promise.all(names.map((name) => stage.person(name)));

  async function groupWith(maker: Carillon, name: string, others: readonly Carillon[]): Promise<Group> {
    const group = (await maker.createGroup(name, others.map(idOf))) as Group;
    await Promise.all(others.map((other) => hasGroup(other, name)));
    return group;
  }

  test('[GROUP-20] made, written in by all, with name, picture and who said what', async () => {
    const [ann, bob, cat] = await people('ann', 'bob', 'cat');
    const picture = new Uint8Array([1, 2, 3]);
    const made = (await ann!.createGroup('Trip', [idOf(bob!), idOf(cat!)], picture)) as Group;
    assert.equal(made.group.admin, true);
    const isNamed = ({ group: { members } }: Group) => members.every(({ contact }) => contact.handle !== '');
    const atBob = await hasGroup(bob!, 'Trip', isNamed);
    assert.equal(atBob.group.admin, false);
    assert.deepEqual(atBob.group.picture, picture);
    assert.deepEqual(atBob.group.members.map(({ contact, admin }) => `${contact.handle} ${admin}`).sort(), [
      'ann true',
      'bob false',
      'cat false',
    ]);
    await hasGroup(cat!, 'Trip');
    await ann!.sendText(made.id, 'When?');
    await Promise.all([hears(bob!, made, 'When?'), hears(cat!, made, 'When?')]);
    await bob!.sendText(made.id, 'On Monday');
    await Promise.all([hears(ann!, made, 'bob: On Monday'), hears(cat!, made, 'bob: On Monday')]);
    assert.equal((await groupOf(cat!, 'Trip'))?.unread, 2);
  });

  test('[GROUP-22] who is removed hears no more, and who is added hears what is said from then on', async () => {
    const [ann, bob, cat, dan] = await people('ann', 'bob', 'cat', 'dan');
    const group = await groupWith(ann!, 'Club', [bob!, cat!]);
    await ann!.sendText(group.id, 'all three');
    await hears(cat!, group, 'all three');
    await ann!.removeFromGroup(group.group.groupId, [idOf(cat!)]);
    await hasGroup(cat!, 'Club', ({ group: { joined } }) => !joined);
    await ann!.addToGroup(group.group.groupId, [idOf(dan!)]);
    await hasGroup(dan!, 'Club');
    await hasGroup(bob!, 'Club', ({ group: { members } }) => members.length === 3);
    await bob!.sendText(group.id, 'without cat');
    await Promise.all([hears(ann!, group, 'without cat'), hears(dan!, group, 'without cat')]);
    assert.ok(!(await said(cat!, group)).some((words) => words.includes('without cat')));
    assert.ok(!(await said(dan!, group)).some((words) => words.includes('all three')));
    await assert.rejects(cat!.sendText(group.id, 'hello?'), { code: 'group-unknown' });
    const notices = (await said(bob!, group)).filter((words) => words.startsWith('('));
    assert.ok(notices.includes('(ann removed cat.)') && notices.includes('(ann added dan.)'), notices.join());
  });

  test('[GROUP-20] roles, name, picture and leaving; only administrators change things', async () => {
    const [ann, bob, cat] = await people('ann', 'bob', 'cat');
    const group = await groupWith(ann!, 'Old', [bob!, cat!]);
    const { groupId } = group.group;
    await assert.rejects(bob!.renameGroup(groupId, 'Mine'), { code: 'group-forbidden' });
    await ann!.setGroupAdmin(groupId, idOf(bob!), true);
    await hasGroup(bob!, 'Old', ({ group: { admin } }) => admin);
    await bob!.renameGroup(groupId, 'New');
    await Promise.all([hasGroup(ann!, 'New'), hasGroup(cat!, 'New')]);
    await bob!.setGroupPicture(groupId, new Uint8Array([9]));
    await hasGroup(cat!, 'New', ({ group: { picture } }) => picture?.[0] === 9);
    await ann!.leaveGroup(groupId);
    await hears(cat!, group, 'ann left the group.');
    await cat!.sendText(group.id, 'she has left');
    await hears(bob!, group, 'she has left');
    assert.ok(!(await said(ann!, group)).some((words) => words.includes('she has left')));
    await assert.rejects(
      ann!.deleteConversation(group.id).then(() => ann!.sendText(group.id, 'x')),
      {
        code: 'group-unknown',
      },
    );
    assert.deepEqual(await ann!.messages(group.id), []);
  });

  test('[GROUP-23] the group changed while a member was away: its message goes to those who are in it now', async () => {
    const [ann, bob, cat, dan] = await people('ann', 'bob', 'cat', 'dan');
    const group = await groupWith(ann!, 'Busy', [bob!, cat!]);
    await bob!.sendText(group.id, 'first');
    await Promise.all([hears(ann!, group, 'first'), hears(cat!, group, 'first')]);
    await bob!.close();
    await ann!.addToGroup(group.group.groupId, [idOf(dan!)]);
    await ann!.removeFromGroup(group.group.groupId, [idOf(cat!)]);
    await hasGroup(dan!, 'Busy');
    const again = await stage.device('bob');
    const sent = await again.sendText(group.id, 'I am back');
    await Promise.all([hears(ann!, group, 'bob: I am back'), hears(dan!, group, 'bob: I am back')]);
    await reaches(again, sent, 'delivered');
    assert.ok(!(await said(cat!, group)).some((words) => words.includes('I am back')));
  });

  test('[GROUP-23] a message written offline goes when the server is back', async () => {
    const [ann, bob] = await people('ann', 'bob');
    const group = await groupWith(ann!, 'Away', [bob!]);
    await stage.stopMessaging();
    await Promise.all([goesOffline(ann!), goesOffline(bob!)]);
    await ann!.sendText(group.id, 'in the dark');
    await stage.startMessaging();
    await goesOnline(ann!);
    await hears(bob!, group, 'ann: in the dark');
  });

  test('[MSG-21] receipts in a group are counted: delivered, then read', async () => {
    const [ann, bob, cat] = await people('ann', 'bob', 'cat');
    const group = await groupWith(ann!, 'Counted', [bob!, cat!]);
    const sent = await ann!.sendText(group.id, 'one');
    const second = await ann!.sendText(group.id, 'two');
    assert.deepEqual(sent.receipts, { delivered: 0, read: 0, of: 2 });
    await reaches(ann!, second, 'delivered');
    const find = async (id: string) => (await ann!.messages(group.id)).find((message) => message.id === id)!;
    assert.deepEqual((await find(sent.id)).receipts, { delivered: 2, read: 0, of: 2 });
    await bob!.markRead(group.id);
    await until(ann!, 'message', async () => (await find(second.id)).receipts?.read === 1);
    assert.deepEqual((await find(sent.id)).receipts, { delivered: 2, read: 1, of: 2 });
    assert.equal((await find(sent.id)).status, 'delivered');
    await cat!.markRead(group.id);
    await reaches(ann!, sent, 'read');
    await reaches(ann!, second, 'read');
  });

  test('media in a group opens for every member', async () => {
    const [ann, bob, cat] = await people('ann', 'bob', 'cat');
    const group = await groupWith(ann!, 'Files', [bob!, cat!]);
    const { writeFile } = await import('node:fs/promises');
    const path = `${stage.dir}/note.txt`;
    await writeFile(path, 'for all of us');
    await ann!.sendMedia(group.id, { kind: 'file', fileName: 'note.txt', mimeType: 'text/plain', data: path });
    for (const device of [bob!, cat!]) {
      await hears(device, group, 'media');
      const message = (await device.messages(group.id)).find(({ body }) => body.type === 'media')!;
      const { bytes } = await device.openMedia(message.id);
      assert.equal(new TextDecoder().decode(bytes), 'for all of us');
    }
  });
});
