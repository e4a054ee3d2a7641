// A server that lies about a group: who is in it, what happened in which order,
// and where something was said.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { GroupRole } from '@carillon/protocol';
import type { Carillon } from '../../src/carillon.ts';
import { type Group, groupOf, hasGroup, hears, said } from './groupWatching.ts';
import { LyingServer } from './lyingServer.ts';
import { Stage, until } from './stage.ts';
import { find, idOf, reaches } from './watching.ts';

describe('a server that lies about a group', () => {
  let stage: Stage;
  let server: LyingServer;
  let ann: Carillon;
  let bob: Carillon;
  let cat: Carillon;
  beforeEach(async () => {
    stage = await new Stage().start();
    server = new LyingServer();
    [ann, bob, cat] = await Promise.all([
      stage.person('ann', { platform: { WebSocket: server.WebSocket } }),
      stage.person('bob'),
      stage.person('cat'),
    ]);
  });
  afterEach(() => stage.stop());

  /** Made by bob, who is its administrator; ann is lied to. */
  async function group(name = 'Quiet'): Promise<Group> {
    const made = (await bob.createGroup(name, [idOf(ann), idOf(cat)])) as Group;
    await Promise.all([hasGroup(ann, name), hasGroup(cat, name)]);
    await bob.sendText(made.id, `hello in ${name}`);
    await hears(ann, made, `hello in ${name}`);
    return made;
  }

  test('[GROUP-21] a member whom nobody has added is not believed, and hears nothing', async () => {
    const quiet = await group();
    const eve = await stage.person('eve');
    server.lie = ({ body }) => {
      if (body.case !== 'group') return;
      body.value.members.push({
        $typeName: 'carillon.v1.GroupMember',
        accountId: idOf(eve),
        role: GroupRole.MEMBER,
      });
      body.value.devices.push({
        $typeName: 'carillon.v1.MemberDevices',
        accountId: idOf(eve),
        deviceIds: [eve.account!.deviceId],
      });
    };
    await bob.renameGroup(quiet.group.groupId, 'Quieter');
    await hears(ann, quiet, 'members that nobody has added');
    assert.equal((await groupOf(ann, 'Quiet'))?.group.members.length, 3);
    const refused = await ann.sendText(quiet.id, 'for us alone');
    await reaches(ann, refused, 'failed');
    assert.match((await find(ann, refused))?.failure ?? '', /nobody has added/);
    server.lie = () => {};
    await ann.retry(refused.id);
    await hears(cat, quiet, 'for us alone');
    assert.equal(await groupOf(eve, 'Quiet'), undefined);
  });

  test('[GROUP-21] an older roster is not believed after a newer', async () => {
    const quiet = await group();
    await bob.removeFromGroup(quiet.group.groupId, [idOf(cat)]);
    await hasGroup(ann, 'Quiet', ({ group: { members } }) => members.length === 2);
    server.lie = ({ body }) => {
      if (body.case !== 'group' || !body.value.revision) return;
      body.value.revision.rosterRevision = 1;
      body.value.changes = [];
      const [first] = body.value.members;
      body.value.members = [...body.value.members, { ...first!, accountId: idOf(cat), role: GroupRole.MEMBER }];
    };
    await bob.renameGroup(quiet.group.groupId, 'Quieter');
    await hears(ann, quiet, 'older list of members');
    assert.equal((await groupOf(ann, 'Quiet'))?.group.members.length, 2);
  });

  test('[GROUP-21] changes in another order are not followed: an administrator is asked, and tells how it is', async () => {
    const quiet = await group();
    await ann.close();
    await bob.setGroupAdmin(quiet.group.groupId, idOf(cat), true);
    await bob.setGroupAdmin(quiet.group.groupId, idOf(cat), false);
    await bob.renameGroup(quiet.group.groupId, 'Quieter');
    server.lie = ({ body }) => {
      if (body.case === 'group') body.value.changes.reverse();
    };
    ann = await stage.device('ann', { platform: { WebSocket: server.WebSocket } });
    await hears(ann, quiet, 'could not be checked');
    await until(ann, 'conversation', async () => (await groupOf(ann, 'Quieter'))?.group.revision === 4);
    await bob.sendText(quiet.id, 'in order');
    await hears(ann, quiet, 'bob: in order');
  });

  test('[GROUP-27] an older name is not believed, neither by a member nor by who is added', async () => {
    const quiet = await group();
    const server2 = new LyingServer();
    const eve = await stage.person('eve', { platform: { WebSocket: server2.WebSocket } });
    let older: Uint8Array | undefined;
    server.lie = ({ body }) => {
      if (body.case !== 'group') return;
      older ??= body.value.sealedState;
      body.value.sealedState = new Uint8Array(older);
    };
    await bob.setGroupAdmin(quiet.group.groupId, idOf(cat), true);
    await hasGroup(ann, 'Quiet', ({ group: { revision } }) => revision === 2);
    assert.ok(older);
    await bob.renameGroup(quiet.group.groupId, 'Quieter');
    await hasGroup(ann, 'Quieter');
    server2.lie = ({ body }) => {
      if (body.case === 'group') body.value.sealedState = new Uint8Array(older!);
    };
    await bob.addToGroup(quiet.group.groupId, [idOf(eve)]);
    await hears(eve, quiet, 'They were not believed');
    assert.equal(await groupOf(eve, 'Quiet'), undefined);
    assert.ok(await groupOf(ann, 'Quieter'));
  });

  test('[GROUP-24] a ciphertext moved to another group is not shown there', async () => {
    const quiet = await group();
    const loud = await group('Loud');
    server.lie = ({ body }) => {
      if (body.case === 'delivery' && body.value.groupId === quiet.id) body.value.groupId = loud.id;
    };
    await bob.sendText(quiet.id, 'only here');
    await hears(ann, loud, 'could not be opened');
    server.lie = () => {};
    await bob.sendText(loud.id, 'and here');
    await hears(ann, loud, 'bob: and here');
    for (const place of [quiet, loud])
      assert.ok(!(await said(ann, place)).some((words) => words.includes('only here')));
  });

  test('[GROUP-24] a ciphertext under another sender’s name is not shown', async () => {
    const quiet = await group();
    await cat.sendText(quiet.id, 'I am cat');
    await hears(ann, quiet, 'cat: I am cat');
    server.lie = ({ body }) => {
      if (body.case !== 'delivery' || body.value.groupId === '' || !body.value.from) return;
      body.value.from.accountId = idOf(cat);
      body.value.from.deviceId = cat.account!.deviceId;
    };
    await bob.sendText(quiet.id, 'I am cat, too');
    await hears(ann, quiet, 'could not be opened');
    assert.ok(!(await said(ann, quiet)).some((words) => words.includes('too')));
  });

  test('[GROUP-25] the key came late, or was lost: what waited is opened once the sender was asked', async () => {
    let lost = 0;
    const quiet = (await bob.createGroup('Late', [idOf(ann), idOf(cat)])) as Group;
    await hasGroup(ann, 'Late');
    server.lie = ({ body }) => {
      // The next envelope for this device alone is the sender key: it is made unreadable.
      if (body.case !== 'delivery' || body.value.groupId !== '' || lost++ > 0) return;
      body.value.ciphertext[body.value.ciphertext.length - 1]! ^= 1;
    };
    await bob.sendText(quiet.id, 'one');
    await bob.sendText(quiet.id, 'two');
    await hears(ann, quiet, 'bob: two');
    const texts = (await said(ann, quiet)).filter((words) => words.startsWith('bob: '));
    assert.deepEqual(texts, ['bob: one', 'bob: two']);
  });
});
