import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { SqliteCallFile } from '../../src/io/sqliteCallFile.ts';
import { Play } from '../core/people.ts';
import { callFileContract } from './callFileContract.ts';
import { temporaryDir } from './harness.ts';

describe('calls in SQLite, in memory', () => {
  callFileContract(() => new SqliteCallFile(':memory:'));
});

describe('calls in SQLite, in a file', () => {
  const dir = temporaryDir();
  after(() => dir.remove());
  let files = 0;
  callFileContract(() => new SqliteCallFile(join(dir.path, `${files++}.sqlite`)));

  it('are there when it is opened again; those of another format are not', () => {
    const path = join(dir.path, 'again.sqlite');
    const { live } = new Play().create(['bob']);
    const first = new SqliteCallFile(path);
    first.put(live);
    first.close();
    const second = new SqliteCallFile(path);
    assert.deepEqual(second.all(), [live]);
    second.close();
    const db = new DatabaseSync(path);
    db.exec('UPDATE calls SET format = 0');
    db.close();
    const third = new SqliteCallFile(path);
    assert.deepEqual(third.all(), []);
    third.close();
  });
});
