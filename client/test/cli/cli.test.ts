// The command line against real services.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../src/cli/program.ts';
import { Surroundings } from '../../src/cli/surroundings.ts';
import { codeOf, Stage } from '../stage/stage.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

type Line = Record<string, unknown>;

describe('the command line', () => {
  let stage: Stage;
  before(async () => {
    stage = await new Stage().start();
  });
  after(() => stage.stop());

  const envOf = (name: string) => ({
    ...process.env,
    CARILLON_CLIENT_DIR: join(stage.dir, `cli-${name}`),
    CARILLON_SERVER: stage.baseUrl,
  });
  const collect = async (code: Promise<number | null>, outStream: Readable, errStream: Readable) => {
    const [exit, out, err] = await Promise.all([code, text(outStream), text(errStream)]);
    const lines = (): Line[] =>
      out
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line);
    return { code: exit, out, err, lines };
  };
  /** As `carillon ...` in a process of its own. */
  const spawned = (name: string, ...args: string[]) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      env: envOf(name),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return collect(
      once(child, 'exit').then(([code]) => code as number),
      child.stdout,
      child.stderr,
    );
  };
  /** The same in this process, which is quicker. */
  const run = (name: string, ...args: string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const ended = runCommandLine(args, new Surroundings({ env: envOf(name), stdout, stderr })).finally(() => {
      stdout.end();
      stderr.end();
    });
    return collect(ended, stdout, stderr);
  };
  const signUp = async (name: string) => {
    const [begun] = (await run(name, 'register', name, '--json')).lines();
    assert.equal(begun?.event, 'code-sent');
    const done = await run(name, '--json', 'verify', String(begun?.registrationId), codeOf(name));
    assert.equal(done.code, 0, done.err);
  };

  test('signs up in two steps, sends and listens, with media saved', async () => {
    await Promise.all([signUp('carol'), signUp('dave')]);
    assert.match((await spawned('carol', 'whoami')).out, /^@carol at http/);

    const listening = run('dave', 'listen', '--json', '--count', '2', '--save', join(stage.dir, 'saved'));
    // A stranger's message is told to nobody as delivered.
    const hello = await run('carol', 'send', '@dave', 'Hello Dave');
    assert.deepEqual([hello.code, hello.out], [0, 'Sent.\n'], hello.err);
    const plan = join(stage.dir, 'etc-passwd$(x).txt');
    writeFileSync(plan, 'the plan');
    const sent = await run('carol', 'send-file', 'dave', plan, '--caption', 'as agreed', '--json');
    assert.equal(sent.lines()[0]?.event, 'sent', sent.err);
    const listened = await listening;
    assert.equal(listened.code, 0, listened.err);
    const heard = listened.lines();
    const messages = heard.filter(({ event }) => event === 'message');
    assert.deepEqual(
      messages.map(({ from, text, type }) => [from, text ?? type]),
      [
        ['carol', 'Hello Dave'],
        ['carol', 'media'],
      ],
    );
    const saved = heard.find(({ event }) => event === 'saved');
    assert.equal(saved?.path, join(stage.dir, 'saved', 'etc-passwd__x_.txt'));
    assert.equal(readFileSync(String(saved?.path), 'utf8'), 'the plan');

    assert.match((await run('dave', 'safety', 'carol')).out, /^(\d{5} ){11}\d{5}\n$/);
  });

  test('[DEV-2] a second device is linked by its code, gets what was said, and is removed', async () => {
    await Promise.all([signUp('gina'), signUp('hank')]);
    const sent = await run('gina', 'send', 'hank', 'before the link');
    assert.equal(sent.code, 0, sent.err);
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const surroundings = new Surroundings({ env: envOf('gina-2'), stdout, stderr });
    const ended = runCommandLine(['link', '--json', '--name', 'second'], surroundings).finally(() => stdout.end());
    let shown = '';
    const [code] = await new Promise<[string]>((resolve) => {
      stdout.on('data', (part: Buffer) => {
        shown += part;
        const found = /carillon:link[^"]+/.exec(shown);
        if (found) resolve([found[0]]);
      });
    });
    const approved = await run('gina', 'link', 'approve', code, '--json');
    assert.deepEqual(
      approved.lines().map(({ event, stage }) => [event, stage]),
      [
        ['linked', undefined],
        ['history', 'done'],
      ],
      approved.err,
    );
    assert.equal(await ended, 0, stderr.read()?.toString());
    assert.match(shown, /"event":"linked".*"handle":"gina"/);
    assert.match(shown, /"event":"history","stage":"done"/);
    const again = await run('gina-2', 'send', 'hank', 'from the second');
    assert.equal(again.code, 0, again.err);
    // The copy went before the command ended, and is news; what this device sent itself is not.
    const answer = await run('hank', 'send', 'gina', 'to both');
    assert.equal(answer.code, 0, answer.err);
    const heard = await run('gina', 'listen', '--json', '--count', '1');
    assert.deepEqual(
      heard.lines().map(({ event, from, to, text }) => [event, from ?? to, text]),
      [
        ['sent-elsewhere', 'hank', 'from the second'],
        ['message', 'hank', 'to both'],
      ],
      heard.err,
    );
    const listed = await run('gina', 'devices', '--json');
    assert.deepEqual(
      listed.lines().map(({ deviceId, name, primary }) => [deviceId, name, primary]),
      [
        [1, hostname(), true],
        [2, 'second', false],
      ],
    );
    const listening = run('gina-2', 'listen');
    const removed = await run('gina', 'devices', 'remove', '2');
    const told = await listening;
    assert.equal(told.code, 1);
    assert.match(told.err, /was removed from the account/);
    const late = await run('gina-2', 'send', 'hank', 'too late');
    assert.equal(late.code, 1);
    assert.match(late.err, /was removed from the account/);
    assert.deepEqual([removed.code, removed.out], [0, 'Removed device 2.\n'], removed.err);
    const nobody = await run('gina', 'devices', 'remove', '9');
    assert.match(nobody.err, /There is no device 9/);
  });

  test('a photo', async () => {
    await signUp('erin');
    const photo = join(stage.dir, 'photo.png');
    const made = spawn('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x240', '-frames:v', '1', photo]);
    await once(made, 'exit');
    await signUp('frank');
    const sent = await run('erin', 'send-photo', 'frank', photo);
    assert.deepEqual([sent.code, sent.out], [0, 'Sent.\n'], sent.err);
    const got = await run('frank', 'listen', '--json', '--count', '1');
    assert.equal((got.lines()[0]?.media as Line | undefined)?.kind, 'photo');
  });

  test('call links are made, listed and taken back; waiting at one has its bound', async () => {
    await Promise.all([signUp('ida'), signUp('joe')]);
    const [made] = (await run('ida', 'links', 'create', 'Office hours', '--group', '--json')).lines();
    assert.deepEqual([made?.kind, made?.lobby], ['group', true]);
    const listed = await run('ida', 'links');
    assert.match(listed.out, /^Office hours \(group call, you are asked\), \S+\n {2}http\S+#call\/\S+\n$/);
    const waited = await run('joe', 'join', String(made?.url), '--timeout', '0.3', '--json');
    assert.deepEqual([waited.code, waited.lines()[0]?.phase], [1, 'knocking'], waited.err);
    assert.match(waited.err, /Nobody has let you in within 0.3 s/);
    assert.match(
      (await run('joe', 'join', 'https://example.org/#call/AAAA')).err,
      /^This call link was made by a newer/,
    );
    assert.match((await run('ida', 'join', String(made?.url))).err, /^This is your own call link/);
    assert.equal((await run('ida', 'links', 'revoke', String(made?.id))).out, 'Taken back.\n');
    const gone = await run('ida', 'links', 'revoke', String(made?.id));
    assert.deepEqual([gone.code, gone.err], [1, 'This call link is gone.\n']);
    assert.equal((await run('ida', 'links', '--json')).out, '');
  });

  test('[DND-2] do not disturb is switched on and off, for hours too', async () => {
    await signUp('kim');
    assert.equal((await run('kim', 'do-not-disturb')).out, 'Off: calls ring.\n');
    assert.match((await run('kim', 'do-not-disturb', 'on', '--hours', '8')).out, /^On until .*: no call rings/);
    const [now] = (await run('kim', 'do-not-disturb', '--json')).lines();
    const set = now?.doNotDisturb as { untilMs: number } | undefined;
    assert.ok(Math.abs(Number(set?.untilMs) - Date.now() - 8 * 3_600_000) < 60_000);
    assert.match((await run('kim', 'do-not-disturb', 'on')).out, /^On: no call rings/);
    assert.equal((await run('kim', 'do-not-disturb', 'off')).out, 'Off: calls ring.\n');
    assert.equal((await run('kim', 'do-not-disturb', 'perhaps')).code, 2);
  });

  test('[DND-5] call waiting is switched off and on', async () => {
    await signUp('lea');
    assert.match((await run('lea', 'call-waiting')).out, /^On: /);
    assert.match((await run('lea', 'call-waiting', 'off')).out, /^Off: .* busy; it stands as missed/);
    const [now] = (await run('lea', 'call-waiting', '--json')).lines();
    assert.equal(now?.callWaiting, false);
    assert.match((await run('lea', 'call-waiting', 'on')).out, /^On: /);
    assert.equal((await run('lea', 'call-waiting', 'maybe')).code, 2);
  });

  test('failures come in words, with a code that says so', async () => {
    const cases: [string, string[], number, RegExp][] = [
      ['nobody', ['whoami'], 1, /^Nobody is signed in here yet/],
      ['nobody', ['register', '!'], 1, /^A handle has 3 to 32/],
      ['nobody', ['verify', 'A'.repeat(22), '000000'], 1, /^This registration has expired/],
      ['nobody', ['frobnicate'], 2, /unknown command/],
      ['nobody', ['send', 'x'], 2, /missing required argument/],
      ['nobody', ['listen', '--for', 'ever'], 2, /not a number of seconds/],
      ['nobody', ['whoami', '--server', 'ftp://x'], 1, /has to be an http or https address/],
      ['nobody', ['register', 'abc', '--server', 'http://127.0.0.1:1'], 1, /^The server cannot be reached/],
    ];
    await Promise.all(
      cases.map(async ([, args, code, words], i) => {
        const failed = await run(`nobody-${i}`, ...args);
        assert.equal(failed.code, code, `${args.join(' ')}: ${failed.out}${failed.err}`);
        assert.match(failed.err, words);
      }),
    );
    const failed = await spawned('nobody', 'whoami', '--json');
    assert.deepEqual([failed.code, (JSON.parse(failed.err) as Line).event], [1, 'failed']);
    const help = await run('nobody', 'send-photo', '--help');
    assert.deepEqual([help.code, help.err], [0, '']);
    assert.match(help.out, /--caption/);
  });
});
