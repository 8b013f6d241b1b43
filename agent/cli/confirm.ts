import { CliError, exitCodes } from './exitCodes.ts';
import type { Io } from './io.ts';

/** What the user types; empty when there is no answer, such as after Ctrl-C. */
export async function askFor(io: Io, question: string): Promise<string> {
  try {
    return (await io.ask(question)).trim();
  } catch {
    return '';
  }
}

/**
 * Who means to do what cannot be undone types the name of what it is done to.
 * @param expected that name, or a number
 * @throws CliError "CONFIRMATION"
 */
export function requireConfirmation(expected: string | number, found: string): void {
  if (found === String(expected)) return;
  const named = typeof expected === 'number' ? `the number ${String(expected)}` : `the name "${expected}"`;
  throw new CliError(
    exitCodes.refused,
    'CONFIRMATION',
    `Nothing was done: expected ${named} as confirmation, found "${found}".`,
  );
}
