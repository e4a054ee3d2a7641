import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { participantDiagram } from '../../src/core/diagram.ts';
import {
  type ParticipantEvent,
  type Standing,
  standingOf,
  TRANSITIONS,
  transition,
} from '../../src/core/transitions.ts';
import { account, device, Play } from './people.ts';

// Written by hand, not derived: `-` stays, `!code` is refused.
const EXPECTED = `
                 | ring                | preconnect          | accept              | decline             | needs_permission    | busy                | hang_up             | update              | attach          | invite  | expire  | lose
invited          | ringing             | !call-state         | joined              | declined            | declined            | busy                | declined            | !call-state         | -               | -       | expired | -
ringing          | -                   | -                   | joined              | declined            | declined            | busy                | declined            | !call-state         | -               | -       | expired | -
joined           | !call-state         | -                   | -                   | !call-state         | !call-state         | !call-state         | left                | -                   | -               | -       | -       | left
joined_elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !answered-elsewhere | !call-not-yours | joined  | joined  | left
left             | !call-state         | !call-state         | joined              | -                   | -                   | -                   | -                   | !call-state         | -               | invited | -       | -
declined         | !call-state         | !call-state         | joined              | -                   | -                   | -                   | -                   | !call-state         | -               | invited | -       | -
busy             | !call-state         | !call-state         | joined              | -                   | -                   | -                   | -                   | !call-state         | -               | invited | -       | -
expired          | !call-state         | !call-state         | joined              | -                   | -                   | -                   | -                   | !call-state         | -               | invited | -       | -
`;

function matrix(): { standing: Standing; event: ParticipantEvent; cell: string }[] {
  const [head, ...rows] = EXPECTED.trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const events = head!.filter(Boolean);
  return rows.flatMap(([standing, ...cells]) =>
    cells.map((cell, index) => ({ standing: standing as Standing, event: events[index] as ParticipantEvent, cell })),
  );
}

/** A room call in which bob stands as asked, seen from his device 1; carol is in, so that the call goes on. */
function playTo(standing: Standing): Play {
  const play = new Play().create(['bob', 'carol'], { room: true }).ask('accept', 'carol');
  switch (standing) {
    case 'invited':
      return play;
    case 'ringing':
      return play.ask('ring', 'bob');
    case 'joined':
      return play.ask('accept', 'bob');
    case 'joined_elsewhere':
      return play.ask('accept', 'bob', 2);
    case 'left':
      return play.ask('accept', 'bob').ask('hang_up', 'bob');
    case 'declined':
      return play.ask('decline', 'bob');
    case 'busy':
      return play.ask('busy', 'bob');
    case 'expired':
      return play.wait(60_000);
    default:
      return standing satisfies never;
  }
}

function apply(play: Play, event: ParticipantEvent): void {
  if (event === 'attach') play.attach('bob');
  else if (event === 'invite') play.invite('alice', 'bob');
  else if (event === 'update') play.update('bob', { held: true });
  else if (event === 'expire') play.wait(60_000);
  else if (event === 'lose') {
    const p = play.live.participants[1]!;
    play.ask('socket_lost', 'bob', p.deviceId || 1).wait(30_000);
  } else play.ask(event, 'bob');
}

describe('[CALL-5] a participant', () => {
  it('has an expectation for every entry of the table', () => {
    const entries = Object.values(TRANSITIONS).reduce((sum, row) => sum + Object.keys(row).length, 0);
    assert.equal(matrix().length, entries);
  });

  for (const { standing, event, cell } of matrix()) {
    it(`${standing}, ${event}: ${cell}`, () => {
      const play = playTo(standing);
      const before = play.live.participants[1]!;
      assert.equal(standingOf(before, device('bob').deviceId), standing);
      const outcome = transition(standing, event);
      if (cell.startsWith('!')) {
        assert.deepEqual(outcome, { refuse: cell.slice(1) });
        assert.throws(() => apply(play, event), { message: cell.slice(1) });
        return;
      }
      const expected = cell === '-' ? before.state : cell;
      assert.deepEqual(outcome, { to: expected });
      apply(play, event);
      const after = play.live.participants.find((p) => p.accountId === account('bob'));
      assert.equal(after?.state, expected);
      if (expected === 'joined' && before.state !== 'joined') assert.ok(after.number > before.number);
    });
  }

  it('is drawn in README.md as the table has it', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    assert.ok(
      readme.includes(`\`\`\`mermaid\n${participantDiagram()}\n\`\`\``),
      'run node src/core/diagram.ts and put what it prints into README.md',
    );
  });
});
