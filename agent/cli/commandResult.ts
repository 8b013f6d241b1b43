import type { CommandResult } from '../../schemas/generated/api.ts';
import { exitCodes } from './exitCodes.ts';
import type { ExitCode } from './exitCodes.ts';
import type { Io } from './io.ts';
import { printJson } from './verb.ts';

/** Prints what became of a command, with the time that it took. */
export function printCommandResult(io: Io, json: boolean, result: CommandResult): ExitCode {
  if (json) printJson(io, { ok: true, ...result });
  else io.stdout(`${result.message} (${(result.durationMs / 1000).toFixed(1)} s)\n`);
  return exitCodes.ok;
}
