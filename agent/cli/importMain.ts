#!/usr/bin/env node
// `understudy import` as a program of its own, for the editor: it needs nothing of an agent.
import { Command, CommanderError } from 'commander';
import { agentVersion } from '../version.ts';
import { CliError, exitCodes, type ExitCode } from './exitCodes.ts';
import { processIo } from './io.ts';
import { printJson } from './verb.ts';
import { addImport } from './verbs/import.ts';

const io = processIo();

function report(error: unknown, json: boolean): ExitCode {
  const message = error instanceof Error ? error.message : String(error);
  const isFile = error instanceof Error && 'syscall' in error;
  const [exitCode, code] =
    error instanceof CliError
      ? ([error.exitCode, error.code] as const)
      : isFile
        ? ([exitCodes.usage, 'FILE'] as const)
        : ([exitCodes.internal, 'INTERNAL'] as const);
  const numbers = error instanceof CliError ? error.numbers : {};
  if (json) printJson(io, { ok: false, error: { code, reason: message, numbers } });
  else io.stderr(`understudy: ${message}\n`);
  return exitCode;
}

const program = new Command('understudy').version(agentVersion).exitOverride();
addImport(program, {
  io,
  run: async (json, action) => {
    try {
      process.exitCode = await action();
    } catch (error) {
      process.exitCode = report(error, json);
    }
  },
});
try {
  await program.parseAsync(['import', ...process.argv.slice(2)], { from: 'user' });
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else process.exitCode = report(error, false);
}
