import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { needKbps, newLadder, RUNGS, step, targetOf } from '../../../src/calls/core/ladder.ts';
import { changesOf, lasting, pictureChangesOf, play } from './modelLink.ts';

const AUDIO_ONLY = { wantsVideo: false, redundant: true };

test('[CALL-37] the ladder goes from 50 to 8 kbit/s of audio, and gives up pictures before it starves audio', () => {
  assert.deepEqual([...new Set(RUNGS.map(({ audioKbps }) => audioKbps))], [50, 32, 24, 16, 12, 8]);
  for (const [index, { videoKbpsMax }] of RUNGS.entries()) {
    const above = RUNGS[index - 1];
    if (above && videoKbpsMax > 0) assert.ok(above.videoKbpsMax > videoKbpsMax);
    if (above)
      assert.ok(
        needKbps(index, { wantsVideo: true, redundant: true }) <
          needKbps(index - 1, { wantsVideo: true, redundant: true }),
      );
  }
});

test('[CALL-37] a link that is good stays at the top, whatever the picture takes of it', () => {
  for (const pictureKbps of [30, 300, 5_000]) {
    const seconds = play({ capacityKbps: lasting(300, 4_000), pictureKbps });
    assert.equal(changesOf(seconds), 0, `${pictureKbps}`);
  }
  assert.equal(changesOf(play({ capacityKbps: lasting(300, 400), wantsVideo: false })), 0);
});

test('[CALL-37] a link that falls goes to audio only within six seconds, in few steps, with the reason', () => {
  const seconds = play({ capacityKbps: [...lasting(30, 3_000), ...lasting(60, 100)] });
  const after = seconds.slice(36);
  assert.ok(after.every(({ ladder }) => targetOf(ladder, true).audioOnly));
  assert.ok(changesOf(seconds) <= 8, `${changesOf(seconds)}`);
  assert.equal(targetOf(seconds.at(-1)!.ladder, true).why, 'narrow');
  assert.equal(pictureChangesOf(seconds), 1);
});

test('[CALL-37] as narrow as links come, audio goes down to what fits', () => {
  for (const capacityKbps of [25, 40, 50, 60, 80, 100]) {
    const seconds = play({ capacityKbps: lasting(120, capacityKbps), wantsVideo: false });
    const settled = seconds.slice(20).map(({ ladder }) => needKbps(ladder.rung, AUDIO_ONLY));
    const lowest = needKbps(RUNGS.length - 1, AUDIO_ONLY);
    const over = settled.filter((kbps) => kbps > Math.max(lowest, capacityKbps)).length;
    // Now and then a trial, until its queue shows.
    assert.ok(over <= 20, `${capacityKbps}: ${over} s too much`);
    assert.ok(Math.max(...settled) >= 0.7 * Math.min(100, capacityKbps), `${capacityKbps}: too little`);
  }
});

test('[CALL-37] a link that is back is used again within 50 s, pictures within 30', () => {
  const seconds = play({ capacityKbps: [...lasting(30, 3_000), ...lasting(30, 100), ...lasting(60, 3_000)] });
  const back = seconds.slice(60).findIndex(({ ladder }) => RUNGS[ladder.rung]!.videoKbpsMax > 0);
  const top = seconds.slice(60).findIndex(({ ladder }) => ladder.rung === 0);
  assert.ok(back >= 0 && back <= 30, `${back}`);
  assert.ok(top >= 0 && top <= 50, `${top}`);
  assert.equal(pictureChangesOf(seconds), 2);
});

test('[CALL-38] a link that swings does not flap: trials that fail come less and less often', () => {
  for (const [high, low, everySeconds] of [
    [2_000, 100, 10],
    [1_000, 250, 5],
    [2_000, 100, 25],
    [150, 40, 7],
  ] as const) {
    const capacityKbps = Array.from({ length: 600 }, (_, second) =>
      Math.floor(second / everySeconds) % 2 === 0 ? high : low,
    );
    const seconds = play({ capacityKbps });
    assert.ok(pictureChangesOf(seconds) <= 24, `${high}/${low}: pictures ${pictureChangesOf(seconds)}`);
    assert.ok(changesOf(seconds) <= 60, `${high}/${low}: ${changesOf(seconds)}`);
  }
});

test('[CALL-38] a dip of a second changes nothing', () => {
  let ladder = newLadder(0);
  for (let second = 0; second < 120; second++) {
    const availableKbps = second % 20 === 19 ? 100 : 3_000;
    const sample = { availableKbps, sendingKbps: 1_600, loss: 0, roundTripMs: 60, wantsVideo: true, redundant: true };
    ladder = step(ladder, sample, second * 1_000);
    assert.equal(ladder.rung, 0);
  }
});

test('[CALL-37] loss on a wide link takes pictures, never audio', () => {
  const seconds = play({ capacityKbps: lasting(60, 5_000), loss: lasting(60, 0.35) });
  const { audioOnly, audioKbps, why } = targetOf(seconds.at(-1)!.ladder, true);
  assert.deepEqual({ audioOnly, audioKbps, why }, { audioOnly: true, audioKbps: 50, why: 'lossy' });
  const heard = play({ capacityKbps: lasting(60, 5_000), loss: lasting(60, 0.35), wantsVideo: false });
  assert.equal(changesOf(heard), 0);
});

test('[CALL-37] a full queue takes from audio what no picture can give; loss alone does not', () => {
  const play = (roundTripMs: number, wantsVideo: boolean) => {
    let ladder = newLadder(0);
    for (let second = 0; second < 30; second++) {
      const isBad = second >= 10;
      const sample = { availableKbps: undefined, sendingKbps: 100, wantsVideo, redundant: true };
      const report = { loss: isBad ? 0.3 : 0, roundTripMs: isBad ? roundTripMs : 50 };
      ladder = step(ladder, { ...sample, ...report }, second * 1_000);
    }
    return targetOf(ladder, wantsVideo).audioKbps;
  };
  assert.equal(play(50, false), 50);
  assert.ok(play(400, false) <= 16);
});

test('[CALL-37] where nothing is measured nothing is given up', () => {
  let ladder = newLadder(0);
  const nothing = { availableKbps: undefined, sendingKbps: 0, loss: undefined, roundTripMs: undefined };
  for (let second = 0; second < 100; second++) {
    ladder = step(ladder, { ...nothing, wantsVideo: true, redundant: false }, second * 1_000);
  }
  assert.equal(ladder.rung, 0);
});

test('[CALL-37] on any link: audio is not starved by pictures, and changes are bounded', () => {
  const capacity = fc.array(
    fc.record({ kbps: fc.integer({ min: 20, max: 4_000 }), seconds: fc.integer({ min: 1, max: 40 }) }),
    { minLength: 1, maxLength: 25 },
  );
  fc.assert(
    fc.property(capacity, fc.boolean(), (spans, wantsVideo) => {
      const capacityKbps = spans.flatMap(({ kbps, seconds }) => lasting(seconds, kbps));
      const seconds = play({ capacityKbps, wantsVideo });
      let narrowFor = 0;
      for (const [index, { ladder, capacityKbps: carries, sendingKbps }] of seconds.entries()) {
        const { videoKbpsMax } = targetOf(ladder, wantsVideo);
        const audioKbps = needKbps(ladder.rung, AUDIO_ONLY);
        // Past the start and the time that a narrow link must last, pictures leave audio its room.
        narrowFor = index > 5 && wantsVideo && videoKbpsMax > 0 && audioKbps > carries ? narrowFor + 1 : 0;
        assert.ok(narrowFor <= 7, `second ${index}: audio ${audioKbps}, all ${sendingKbps}, link ${carries}`);
      }
      // Each second may bring a narrower link; what goes up waits.
      const ups = seconds.filter(({ ladder }, i) => i > 0 && ladder.rung < seconds[i - 1]!.ladder.rung).length;
      assert.ok(ups <= 1 + seconds.length / 6, `${ups} ups in ${seconds.length} s`);
      assert.ok(changesOf(seconds) <= 2 * ups + RUNGS.length, `${changesOf(seconds)} changes, ${ups} ups`);
    }),
    { numRuns: 300 },
  );
});
