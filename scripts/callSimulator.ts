// Long runs of the call simulator (e2e/src/callSimulator).
import { Breach, World } from '@carillon/e2e/callSimulator';
import { commandLine } from './commandLine.ts';

const HELP = `node scripts/callSimulator.ts [--calls N] [--seed S] [--keep-going] [--trace] [--help]

Plays random worlds of devices and signaling nodes, the calls half of the SDK and
the nodes as they are, on sockets, messages, microphones and networks that are
simulated, until N calls (default 100000) have been placed. World i has the seed
S + i (default: from the clock). A broken rule is told with the seed of its
world, which plays the same again by --seed; then it stops, unless it is to
keep going. --trace tells what happens. Exit code 1 when any rule was broken.`;

const { values } = commandLine(HELP, {
  options: {
    calls: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const first = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const [startMs, wanted] = [performance.now(), Number(values.calls)];
let [calls, answered, worlds, breaches] = [0, 0, 0, 0];
console.log(`from seed ${first}`);
while (calls < wanted && (breaches === 0 || values['keep-going'])) {
  try {
    const played = await World.play(first + worlds, values.trace ? console.log : undefined);
    calls += played.calls;
    answered += played.answered;
  } catch (error) {
    if (!(error instanceof Breach)) throw error;
    breaches++;
    console.log(error.message);
  }
  worlds++;
}
const seconds = (performance.now() - startMs) / 1000;
const rate = Math.round(calls / seconds);
console.log(`${calls} calls, ${answered} answered, ${worlds} worlds, ${breaches} breaches, ${rate} calls/s`);
process.exitCode = breaches > 0 ? 1 : 0;
