// What processTree.test.ts runs: a program that starts another, both of which
// would go on for long; `--deaf`: the inner one does not listen to signals.
import { startTree } from '../processTree.ts';

const inner = process.argv.includes('--deaf')
  ? "process.on('SIGTERM', () => {}); process.on('SIGINT', () => {}); setInterval(() => {}, 1000); console.log(process.pid)"
  : 'setInterval(() => {}, 1000); console.log(process.pid)';
const outer = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`;
await startTree(process.execPath, ['-e', outer], { stdio: ['ignore', 'inherit', 'inherit'] }).ended;
