#!/usr/bin/env node
// Runs one of the project's commands under the pinned Node, installing the
// packages first when they are missing or not those of the lockfile. This file
// alone is plain JavaScript: the host's Node may be as old as 20.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [command = '--help', ...args] = process.argv.slice(2);
const commands = ['start', 'test', 'doctor', 'bench', 'interop'];
if (!commands.includes(command)) {
  console.log(`usage: node scripts/launch.mjs ${commands.join('|')} [options]\n       each takes --help`);
  process.exit(command === '--help' || command === '-h' ? 0 : 2);
}

const pinned = path.join(root, `node_modules/node-${process.platform}-${process.arch}/bin/node`);

/** What npm says it has put there, against what the lockfile asks for. */
function installed() {
  const has = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(has)) return false;
  const { packages } = JSON.parse(readFileSync(has, 'utf8'));
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([name, { version, optional }]) =>
      !name.startsWith('node_modules/') || optional || packages[name]?.version === version,
  );
}

function pinnedNode() {
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  console.error(
    `Carillon needs Node 24. For ${process.platform} on ${process.arch} there is none among its packages: install Node 24 or newer and try again.`,
  );
  process.exit(1);
}

/** Which npm: the one that started us, else the one on PATH. */
function npm(npmArgs, options) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('.js') ? spawn(process.execPath, [cli, ...npmArgs], options) : spawn('npm', npmArgs, options);
}

/** Ctrl-C reaches the child by the terminal too; it decides when it has ended. */
function passSignals(child) {
  const pass = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}

async function install() {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const tty = process.stdout.isTTY;
  process.stdout.write('Installing packages (about half a minute, the first time only)');
  const tick = setInterval(
    () => process.stdout.write(tty ? `\r\x1b[KInstalling packages… ${seconds()} s` : '.'),
    tty ? 1000 : 5000,
  );
  // Scripts stay off: everything that a package would fetch at install we put in place ourselves.
  const child = npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      said = (said + data).slice(-20_000);
    });
  }
  const done = passSignals(child);
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      said += error.message;
      resolve(1);
    });
    child.on('close', resolve);
  });
  done();
  clearInterval(tick);
  process.stdout.write(tty ? '\r\x1b[K' : '\n');
  if (code !== 0) {
    console.error(
      `${said.trim()}\n\nThe packages could not be installed (see above). Is the npm registry within reach? Then run the command again.`,
    );
    process.exit(1);
  }
  console.log(`Packages installed in ${seconds()} s.`);
}

// The doctor only looks; the others mend.
if (!installed()) {
  if (command === 'doctor') {
    if (!existsSync(path.join(root, 'node_modules'))) {
      console.log('✗ packages: not installed\n    mend: npm start (installs them), then npm run doctor again');
      process.exit(1);
    }
  } else if (!args.includes('--help') || !existsSync(path.join(root, 'node_modules'))) {
    await install();
  }
}

const node = pinnedNode();
const bin = path.join(root, 'node_modules/.bin');
const env = {
  ...process.env,
  PATH: `${path.dirname(node)}${path.delimiter}${bin}${path.delimiter}${process.env.PATH ?? ''}`,
};
const child = spawn(
  node,
  ['--disable-warning=ExperimentalWarning', path.join(root, 'scripts', `${command}.ts`), ...args],
  {
    cwd: root,
    env,
    stdio: 'inherit',
  },
);
passSignals(child);
child.on('exit', (code, signal) => process.exit(signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : (code ?? 1)));
