import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextDeadlineMs, ROSTER_MAX, ringsUntilMs } from '../../src/core/call.ts';
import { account, device, Play } from './people.ts';

const relay = (play: Play, from: ReturnType<typeof device>, to: ReturnType<typeof device>) =>
  play.do({ type: 'relay', by: from, to, sealed: new Uint8Array([1]) });

describe('a peer call', () => {
  it('ends for both when the callee refuses, and its other devices stop ringing', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob', 1).ask('ring', 'bob', 2).ask('decline', 'bob', 1);
    assert.deepEqual(play.told, ['bob.2 declined-elsewhere by bob', 'alice.1 declined by bob']);
    assert.equal(play.endings, 'alice declined, bob declined-elsewhere');
  });

  it('[CALL-23] says needs-permission to the caller, and busy-elsewhere to the other devices of who is busy', () => {
    const rings = () => new Play().create(['bob']).ask('ring', 'bob', 1).ask('ring', 'bob', 2);
    const asked = rings().ask('needs_permission', 'bob', 1);
    assert.deepEqual(asked.told, ['bob.2 declined-elsewhere by bob', 'alice.1 needs-permission by bob']);
    const busy = rings().ask('busy', 'bob', 1);
    assert.deepEqual(busy.told, ['bob.2 busy-elsewhere by bob', 'alice.1 busy by bob']);
    assert.equal(busy.endings, 'alice busy, bob busy-elsewhere');
  });

  it('[CALL-24] keeps which ringing devices could talk at once, and shows nobody', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob', 1).ask('ring', 'bob', 2);
    const { revision } = play.live;
    play.ask('preconnect', 'bob', 2).ask('preconnect', 'bob', 2);
    assert.equal(play.live.revision, revision);
    assert.equal(
      play.effects.some(({ type }) => type === 'state'),
      false,
    );
    assert.deepEqual(play.ask('accept', 'bob', 2).live.participants[1], {
      ...{ ...device('bob', 2), number: 2, state: 'joined', lostUntilMs: null },
      ...{ video: false, held: false, preconnected: true },
    });
    const later = new Play().create(['bob']).ask('ring', 'bob', 1).ask('preconnect', 'bob', 1).ask('accept', 'bob', 2);
    assert.equal(
      later.live.participants.some((p) => p.state === 'joined' && p.preconnected),
      false,
    );
  });

  it('[CALL-25] shows everybody who sends video and who holds', () => {
    const play = new Play().create(['bob']).ask('accept', 'bob');
    const { revision } = play.live;
    play.update('bob', { video: true });
    assert.equal(play.live.revision, revision + 1);
    assert.deepEqual(
      play.effects.find(({ type }) => type === 'state'),
      { type: 'state', to: [device('alice')] },
    );
    assert.equal(play.update('bob', { video: true }).live.revision, revision + 1);
    assert.equal(play.update('bob', { video: true, held: true }).live.revision, revision + 2);
    assert.throws(() => play.update('bob', {}, 2), { message: 'answered-elsewhere' });
    assert.throws(() => new Play().create(['bob']).update('bob', {}), { message: 'call-state' });
  });

  it('[CALL-75] tells the others that rang in the step that grants the accept', () => {
    const play = new Play().create(['bob']);
    for (const id of [1, 2, 3]) play.ask('ring', 'bob', id);
    play.ask('accept', 'bob', 2);
    assert.deepEqual(play.told, ['bob.1 accepted-elsewhere by bob', 'bob.3 accepted-elsewhere by bob']);
  });

  it('tells a device that rang and comes back that another answered', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob', 1).ask('ring', 'bob', 2).ask('accept', 'bob', 2);
    assert.throws(() => play.attach('bob', 1), { message: 'call-not-yours' });
    assert.deepEqual(play.told, ['bob.1 accepted-elsewhere by bob']);
  });

  it('collides with nothing any more once it is answered', () => {
    const play = new Play().create(['bob']).ask('accept', 'bob').do({ type: 'glare_lost' });
    assert.equal(play.roster, 'alice joined 1, bob joined 2');
    assert.equal(new Play().create(['bob']).do({ type: 'glare_lost' }).endings, 'alice cancelled, bob cancelled');
  });

  it('takes a hang-up of whoever rings for a no', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob').ask('hang_up', 'bob');
    assert.deepEqual(play.told, ['alice.1 declined by bob']);
  });

  it('tells the caller of a busy line', () => {
    assert.deepEqual(new Play().create(['bob']).ask('busy', 'bob').told, ['alice.1 busy by bob']);
  });

  it('[CALL-6] rings no longer than its bound', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob').wait(59_999);
    assert.equal(play.roster, 'alice joined 1, bob ringing 0');
    play.wait(1);
    assert.deepEqual(play.told, ['bob.1 expired by bob', 'alice.1 expired by bob']);
  });

  it('is cancelled when the caller hangs up first', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob').ask('hang_up', 'alice');
    assert.deepEqual(play.told, ['bob.1 cancelled by alice']);
    assert.equal(play.endings, 'alice hung-up, bob cancelled');
  });

  it('is cancelled when the caller is lost while it rings', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob').ask('socket_lost', 'alice').wait(30_000);
    assert.ok(play.told.includes('bob.1 cancelled by alice'));
  });

  it('[CALL-7] outlives a lost socket for the reconnect bound, and no longer', () => {
    const play = new Play().create(['bob']).ask('accept', 'bob').ask('socket_lost', 'bob').wait(29_999);
    assert.equal(play.roster, 'alice joined 1, bob joined 2');
    play.attach('bob').wait(30_000);
    assert.equal(play.roster, 'alice joined 1, bob joined 2');
    play.ask('socket_lost', 'bob').wait(30_000);
    assert.ok(play.told.includes('alice.1 connection-lost by bob'));
  });

  it('[CALL-8] is the same call when its create is repeated, and nobody else’s', () => {
    const play = new Play().create(['bob']);
    const { revision } = play.live;
    assert.equal(play.create(['bob']).live.revision, revision);
    const by = device('mallory');
    const event = { type: 'create', by, callId: play.live.callId, callees: [account('bob')] } as const;
    assert.throws(() => play.do({ ...event, video: false, room: false }), { message: 'call-not-yours' });
  });

  it('[CALL-8] is not lost by a device whose first socket went before it repeated its create on the next', () => {
    const play = new Play().create(['bob', 'carol']).ask('accept', 'bob').ask('socket_lost', 'alice');
    play.create(['bob', 'carol']).wait(30_000);
    assert.equal(play.roster, 'alice joined 1, bob joined 2, carol invited 0');
  });

  it('tells a device that asks late why it is over, until it is forgotten', () => {
    const play = new Play().create(['bob']).ask('hang_up', 'alice');
    assert.throws(() => play.ask('ring', 'bob', 7), { message: 'call-unknown' });
    assert.deepEqual(play.told, ['bob.7 cancelled by alice']);
    assert.throws(() => play.ask('ring', 'mallory'), { message: 'call-unknown' });
    assert.deepEqual(play.told, []);
    play.wait(119_999);
    assert.equal(play.call?.phase, 'ended');
    play.wait(1);
    assert.throws(() => play.ask('ring', 'bob', 7), { message: 'call-unknown' });
    assert.deepEqual(play.told, []);
    assert.equal(play.create(['bob']).roster, 'alice joined 1, bob invited 0');
  });

  it('ends by glare with a cancel that names the other', () => {
    const play = new Play().create(['bob']).ask('ring', 'bob').do({ type: 'glare_lost' });
    assert.deepEqual(play.told, ['alice.1 cancelled by bob', 'bob.1 cancelled by alice']);
  });

  it('has no room', () => {
    const play = new Play().create(['bob']);
    assert.throws(() => play.do({ type: 'room', by: device('alice'), node: 'local' }), { message: 'call-state' });
  });
});

describe('a room call', () => {
  const three = () => new Play().create(['bob', 'carol']).ask('accept', 'bob').ask('accept', 'carol');

  it('begins with more than one callee, or when asked for', () => {
    assert.equal(new Play().create(['bob']).live.mode, 'peer');
    assert.equal(new Play().create(['bob', 'carol']).live.mode, 'room');
    assert.equal(new Play().create(['bob'], { room: true }).live.mode, 'room');
  });

  it('goes on while one is in and another is asked', () => {
    const play = new Play().create(['bob', 'carol']).ask('decline', 'bob');
    assert.equal(play.roster, 'alice joined 1, bob declined 0, carol invited 0');
    assert.equal(play.live.aloneUntilMs, null);
  });

  it('ends at once when all others refuse, with the clearest reason', () => {
    const refused = (...answers: ('decline' | 'busy')[]) => {
      const play = new Play().create(['bob', 'carol', 'dave']);
      for (const [index, answer] of answers.entries()) play.ask(answer, ['bob', 'carol', 'dave'][index]!);
      return play.wait(60_000).endings.split(',')[0];
    };
    assert.equal(refused(), 'alice expired');
    assert.equal(refused('busy'), 'alice busy');
    assert.equal(refused('busy', 'decline'), 'alice declined');
  });

  it('[CALL-9] waits one reconnect bound for whoever may come back to the one left alone', () => {
    const play = three().ask('hang_up', 'bob').ask('hang_up', 'carol').wait(29_999);
    assert.equal(play.roster, 'alice joined 1, bob left 2, carol left 3');
    play.ask('accept', 'bob').wait(30_000);
    assert.equal(play.roster, 'alice joined 1, bob joined 4, carol left 3');
    play.ask('hang_up', 'bob').wait(30_000);
    assert.deepEqual(play.told, ['alice.1 hung-up by null']);
  });

  it('does not prolong the wait of the one left alone', () => {
    const play = three().ask('hang_up', 'bob').ask('hang_up', 'carol').wait(20_000).attach('alice');
    assert.equal(nextDeadlineMs(play.live), play.nowMs + 10_000);
  });

  it('ends when nobody is in, for those who ring too', () => {
    const play = new Play().create(['bob', 'carol']).ask('ring', 'carol').ask('hang_up', 'alice');
    assert.deepEqual(play.told, ['carol.1 cancelled by alice']);
  });

  it('loses a participant whose socket stays away, and takes the same person again by a new number', () => {
    const play = three().ask('socket_lost', 'bob').wait(30_000);
    assert.equal(play.roster, 'alice joined 1, bob left 2, carol joined 3');
    assert.equal(play.attach('bob').roster, 'alice joined 1, bob left 2, carol joined 3');
    assert.equal(play.ask('accept', 'bob').roster, 'alice joined 1, bob joined 4, carol joined 3');
  });

  it('[CALL-10] grows out of a peer call by an invite and never goes back', () => {
    const play = new Play().create(['bob']).ask('accept', 'bob').wait(5_000).invite('bob', 'carol', 'alice');
    assert.equal(play.live.mode, 'room');
    assert.equal(ringsUntilMs(play.live), play.nowMs + 60_000);
    play.ask('decline', 'carol');
    assert.equal(play.live.mode, 'room');
    assert.equal(ringsUntilMs(play.live), 0);
  });

  it('changes nothing by an invite of people who are there already', () => {
    const play = new Play().create(['bob']);
    const { revision } = play.live;
    play.invite('alice', 'bob');
    assert.equal(play.live.mode, 'peer');
    assert.equal(play.live.revision, revision);
  });

  it('is joined by invitation only, from inside', () => {
    const play = three();
    assert.throws(() => play.ask('accept', 'mallory'), { message: 'call-not-yours' });
    assert.throws(() => play.invite('mallory', 'dave'), { message: 'call-not-yours' });
    assert.throws(() => new Play().create(['bob', 'carol']).invite('bob', 'dave'), { message: 'call-state' });
  });

  it('holds so many people at once, and remembers so many', () => {
    const names = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
    assert.throws(() => new Play().create(names(8, 'p')), { message: 'call-full' });
    const play = new Play().create(names(7, 'p')).ask('accept', 'p0');
    assert.throws(() => play.invite('alice', 'eve'), { message: 'call-full' });
    for (let round = 1; round <= 4; round++) {
      for (const name of play.live.participants.filter((p) => p.state === 'invited').map((p) => p.accountId)) {
        play.ask('decline', name);
      }
      if (round < 4) play.invite('alice', ...names(6, `r${round}-`));
    }
    play.invite('alice', ...names(6, 'last'));
    assert.equal(play.live.participants.length, ROSTER_MAX);
    for (const name of names(6, 'last')) play.ask('decline', name);
    assert.throws(() => play.invite('alice', 'one-more'), { message: 'call-full' });
    play.invite('alice', ...names(6, 'last'));
    assert.throws(() => play.ask('accept', 'p1'), { message: 'call-full' });
  });

  it('lets no more devices ring than an account has', () => {
    const play = new Play().create(['bob']);
    for (let id = 1; id <= 5; id++) play.ask('ring', 'bob', id);
    assert.equal(play.ask('ring', 'bob', 3).roster, 'alice joined 1, bob ringing 0');
    assert.throws(() => play.ask('ring', 'bob', 6), { message: 'call-full' });
  });

  it('is given a node once, which a restart without that node takes back', () => {
    const play = three();
    const ask = (node: string | undefined) => play.do({ type: 'room', by: device('alice'), node }).effects.at(-1);
    assert.throws(() => ask(undefined), { message: 'sfu-unavailable' });
    assert.deepEqual(ask('one'), { type: 'ticket', node: 'one', number: 1 });
    assert.deepEqual(ask('two'), { type: 'ticket', node: 'one', number: 1 });
    play.do({ type: 'restored', nodes: ['one', 'two'] });
    assert.equal(play.live.node, 'one');
    play.do({ type: 'restored', nodes: ['two'] });
    assert.deepEqual(ask('two'), { type: 'ticket', node: 'two', number: 1 });
    assert.throws(() => play.do({ type: 'room', by: device('bob', 2), node: 'one' }), {
      message: 'answered-elsewhere',
    });
  });

  it('[CALL-11] survives a restart: all who were in get the whole reconnect bound', () => {
    const play = three();
    play.nowMs += 1_000_000;
    play.do({ type: 'restored', nodes: [] }).wait(29_999).attach('alice').attach('bob').wait(1);
    assert.equal(play.roster, 'alice joined 1, bob joined 2, carol left 3');
  });
});

describe('[CALL-12] a relay', () => {
  it('passes between who is in and who rings or is asked', () => {
    const play = new Play().create(['bob']);
    relay(play, device('alice'), device('bob', 4));
    assert.throws(() => relay(play, device('bob'), device('alice')), { message: 'call-state' });
    play.ask('ring', 'bob');
    relay(play, device('bob'), device('alice'));
    play.ask('accept', 'bob');
    relay(play, device('alice'), device('bob'));
  });

  it('passes to and from nobody else', () => {
    const play = new Play().create(['bob', 'carol']).ask('accept', 'bob').ask('decline', 'carol');
    assert.throws(() => relay(play, device('mallory'), device('alice')), { message: 'call-not-yours' });
    assert.throws(() => relay(play, device('alice'), device('mallory')), { message: 'device-unknown' });
    assert.throws(() => relay(play, device('alice'), device('alice', 2)), { message: 'device-unknown' });
    assert.throws(() => relay(play, device('alice'), device('bob', 2)), { message: 'answered-elsewhere' });
    assert.throws(() => relay(play, device('bob', 2), device('alice')), { message: 'answered-elsewhere' });
    assert.throws(() => relay(play, device('alice'), device('carol')), { message: 'call-state' });
    assert.throws(() => relay(play, device('carol'), device('alice')), { message: 'call-state' });
  });
});
