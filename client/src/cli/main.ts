#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The command line over the SDK's Node half: see `carillon --help`.
import { runCommandLine } from './program.ts';

// A reader that has seen enough (`carillon --help | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCommandLine(process.argv.slice(2));
// An idle keep-alive connection or a half-closed socket is no reason to stay.
setTimeout(() => process.exit(), 1_000).unref();
