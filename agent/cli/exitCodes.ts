/** What the exit codes of `understudy` mean; `understudy --help` lists them. */
export const exitCodes = {
  ok: 0,
  invalid: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  timedOut: 5,
  internal: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0   done
  1   invalid: a file, certificate or token has errors
  2   wrong usage, or a file that cannot be read
  3   the agent refused, and said why
  4   the agent cannot be reached
  5   the agent did not answer in time
  70  internal error: please report it
  130 interrupted with Ctrl-C`;

/** Ends a verb with a message for people and an exit code. `code` and `numbers` are for `--json`. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly exitCode: ExitCode,
    readonly code: string,
    message: string,
    readonly numbers: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
