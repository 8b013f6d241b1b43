import type { Command } from 'commander';
import type { ExitCode } from './exitCodes.ts';
import type { Io } from './io.ts';

/** What a verb's action gets: the streams, and where its exit code goes. */
export interface VerbContext {
  readonly io: Io;
  /** Runs an action; its errors become messages and exit codes. */
  readonly run: (json: boolean, action: () => Promise<ExitCode>) => Promise<void>;
}

/** Adds one verb to the program. */
export type AddVerb = (program: Command, context: VerbContext) => void;

export function printJson(io: Io, value: unknown): void {
  io.stdout(`${JSON.stringify(value)}\n`);
}
