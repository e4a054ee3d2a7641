import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { COMMIT_WRITES_MAX, GroupCommit } from '../../src/io/groupCommit.ts';

function openTable(onUndone?: () => void) {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE words (word TEXT UNIQUE) STRICT');
  const commits = new GroupCommit(db, onUndone);
  const insert = db.prepare('INSERT INTO words VALUES (?)');
  const words = () =>
    db
      .prepare('SELECT word FROM words ORDER BY rowid')
      .all()
      .map((row) => row.word);
  return { db, commits, add: (word: string) => commits.write(() => insert.run(word)), words };
}

test('writes of one turn share a transaction, in order, and are visible only after it', async () => {
  const { commits, add, words } = openTable();
  const writes = ['a', 'b', 'c'].map(add);
  assert.deepEqual(words(), []);
  await Promise.all(writes);
  assert.deepEqual(words(), ['a', 'b', 'c']);
  assert.equal(commits.problem, undefined);
});

test('a write that throws is undone alone', async () => {
  const { commits, add, words } = openTable();
  const half = commits.write(() => {
    throw new Error('changed its mind');
  });
  const results = await Promise.allSettled([add('a'), add('a'), half, add('b')]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(words(), ['a', 'b']);
});

test('what was remembered of writes is forgotten before anybody can ask, when they are undone', async () => {
  const remembered: string[] = [];
  const { commits, add, words } = openTable(() => remembered.splice(0));
  const remember = (word: string) => commits.write(() => remembered.push(word));
  const fail = () =>
    commits.write(() => {
      throw new Error('changed its mind');
    });
  await Promise.all([remember('a'), add('a'), assert.rejects(fail(), /changed its mind/), remember('b')]);
  assert.deepEqual(remembered, ['b']);
  assert.deepEqual(words(), ['a']);
});

test('more writes than one transaction takes go into several', async () => {
  const { add, words } = openTable();
  const many = Array.from({ length: COMMIT_WRITES_MAX * 2 + 1 }, (_, i) => add(String(i)));
  await many[0];
  assert.equal(words().length, COMMIT_WRITES_MAX);
  await Promise.all(many);
  assert.equal(words().length, many.length);
});

test('a failed commit rejects all of its writes and is reported until one succeeds', async () => {
  const { db, commits, add, words } = openTable();
  db.exec('PRAGMA max_page_count = 1; PRAGMA query_only = ON');
  await assert.rejects(add('a'));
  db.exec('PRAGMA query_only = OFF');
  db.exec('PRAGMA max_page_count = 3');
  const big = await Promise.allSettled([add('x'.repeat(100_000)), add('small')]);
  assert.equal(big[0].status, 'rejected');
  db.exec('PRAGMA max_page_count = 1000');
  await add('b');
  assert.equal(commits.problem, undefined);
  assert.ok(words().includes('b'));
});

test('closing commits what waits and refuses what comes after', async () => {
  const { commits, add, words } = openTable();
  const waiting = add('a');
  commits.close();
  await waiting;
  assert.deepEqual(words(), ['a']);
  await assert.rejects(add('b'), { code: 'shutting-down' });
});

test('[MSG-1] nothing counts as written when the commit itself fails, though every write went well', async () => {
  const { db, commits, add, words } = openTable();
  // Checked at the commit, as a full or broken disk is noticed there.
  db.exec(
    'CREATE TABLE notes (word TEXT REFERENCES words (word) DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys = ON',
  );
  const note = commits.write(() => db.exec("INSERT INTO notes VALUES ('nobody wrote this')"));
  const results = await Promise.allSettled([add('a'), note, add('b')]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['rejected', 'rejected', 'rejected'],
  );
  assert.deepEqual(words(), []);
  assert.match(commits.problem!, /FOREIGN KEY/);
  await add('c');
  assert.deepEqual(words(), ['c']);
});
