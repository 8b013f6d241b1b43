import type { ApplyResult } from '../../../schemas/generated/api.ts';
import { printApplied } from '../applyView.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';
import { versionNumber } from './diff.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly confirm?: string;
}

export const addRestore: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('restore'), '60')
    .description('apply what an earlier version of the files held, as a new version, on all hosts')
    .argument('<version>', 'its number, as `understudy versions` lists it')
    .argument('[files...]', 'only these files; without, all files become what they were')
    .option('--dry-run', 'check it on every host and tell what would change, but change nothing', false)
    .option('--confirm <version>', 'the number again, where nobody can be asked')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy restore 4 web.module.jsonc')
    .action((version: string, files: readonly string[], options: Options) =>
      run(options.json, async () => {
        const number = versionNumber(version, 0);
        const params = { number, ...(files.length > 0 && { files: [...files] }) };
        const planned = await callAgent('configuration.restore', { ...params, dryRun: true }, options, io);
        if (options.dryRun || planned.problems.some(({ severity }) => severity === 'error')) {
          return printApplied(io, options.json, planned);
        }
        const confirm = options.confirm ?? (await askConfirmation(number, planned, options, io));
        requireConfirmation(number, confirm);
        const result = await callAgent(
          'configuration.restore',
          { ...params, base: planned.base, confirm: number },
          options,
          io,
        );
        return printApplied(io, options.json, result);
      }),
    );
};

async function askConfirmation(
  number: number,
  { changes }: ApplyResult,
  options: ConnectionOptions,
  io: Io,
): Promise<string> {
  const { cluster } = await callAgent('cluster.snapshot', {}, options, io);
  const where = `on all hosts of the cluster ${cluster}`;
  if (!io.isInteractive) {
    throw new CliError(
      exitCodes.usage,
      'CONFIRMATION',
      `This ${whatIsDone(changes)} ${where}: confirm it with --confirm ${String(number)}.`,
    );
  }
  io.stderr(`To be as in version ${String(number)} this ${whatIsDone(changes)} ${where}.\n`);
  return askFor(io, "Type the version's number to go on: ");
}

/** Such as "changes a, b and removes c". */
function whatIsDone(changes: ApplyResult['changes']): string {
  const verbs = { added: 'adds', changed: 'changes', removed: 'removes' } as const;
  const parts = (['added', 'changed', 'removed'] as const).flatMap((kind) => {
    const files = changes.filter((each) => each.kind === kind).map(({ file }) => file);
    return files.length > 0 ? [`${verbs[kind]} ${files.join(', ')}`] : [];
  });
  return parts.join(' and ') || 'changes no file';
}
