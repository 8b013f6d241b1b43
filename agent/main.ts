#!/usr/bin/env node
import { processIo } from './cli/io.ts';
import { runCommandLine } from './cli/program.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
// An agent that failed is not to live on by what it has left open, useless and never started again.
if (process.argv[2] === 'agent') process.exit();
