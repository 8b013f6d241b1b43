import { CommandError, run, type CommandResult } from '../platform/children.ts';
import { AddressError } from './addressError.ts';
import { parseInterfaces, type Interface } from './interfaces.ts';

const limitMs = 2000;

/** Every network interface of this host with its addresses. */
export async function readInterfaces(): Promise<readonly Interface[]> {
  return parseInterfaces(await ipOrFail(['-json', 'address', 'show']));
}

/** Runs `ip` (iproute2) to its end, whatever its exit code. */
export async function ip(args: readonly string[]): Promise<CommandResult> {
  try {
    return await run('ip', args, { timeoutMs: limitMs });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new AddressError(`${error.message} (virtual addresses need the package iproute2)`, false, { cause: error });
  }
}

/** As {@link ip}; a failure is an AddressError with what it said. Returns its output. */
export async function ipOrFail(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ip(args);
  if (code === 0) return stdout;
  const said = stderr.trim().replaceAll('\n', ' ') || 'without a word';
  throw new AddressError(`\`ip ${args.join(' ')}\` failed: ${said}`, false);
}
