// The history checker for as long as one likes: real devices, real servers,
// everything killed at random, and in the end every history whole.
import { runHistory } from '@carillon/e2e';
import { commandLine } from './commandLine.ts';

const HELP = `node scripts/history.ts [--seed N] [--minutes N] [--accounts N] [--devices N] [--nodes N] [--redis] [--no-group]

Real devices send at random while devices, messaging nodes, Redis and connections
are killed at random. Afterwards every message that a device shows as sent has to
be on every device it was for, once and in order. A failing seed goes into
e2e/test/history.test.ts.

  --seed      every choice comes from it; default: the time
  --minutes   how long it storms; default 5
  --accounts  default 4
  --devices   of the first account, 1 to 5; default 2
  --nodes     messaging nodes, with --redis; default 2
  --redis     instead of the embedded store`;

const { values } = commandLine(HELP, {
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '5' },
    accounts: { type: 'string', default: '4' },
    devices: { type: 'string', default: '2' },
    nodes: { type: 'string', default: '2' },
    redis: { type: 'boolean', default: false },
    group: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
console.log(`seed ${seed}`);
const { said, kills, faults } = await runHistory({
  seed,
  accounts: Number(values.accounts),
  devices: Number(values.devices),
  nodes: values.redis ? Number(values.nodes) : 1,
  redis: values.redis,
  group: values.group,
  seconds: Number(values.minutes) * 60,
  say: console.log,
});
console.log(`${said} messages said; killed: ${JSON.stringify(kills)}`);
for (const fault of faults.slice(0, 50)) console.log(`fault: ${fault}`);
console.log(faults.length === 0 ? 'every history is whole' : `${faults.length} faults with seed ${seed}`);
process.exitCode = faults.length === 0 ? 0 : 1;
