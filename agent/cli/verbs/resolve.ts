import type { ModuleStatus } from '../../../schemas/generated/api.ts';
import { printCommandResult } from '../commandResult.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly keep: string;
  readonly yes: boolean;
}

export const addResolve: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('resolve'))
    .description('after a divergence: choose the host whose history goes on; what the other one holds is kept aside')
    .argument('<module>', 'name of the module')
    .requiredOption('--keep <host>', 'the host whose history goes on')
    .option('--yes', 'do not ask for confirmation', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy resolve web --keep beta\n\nBoth hosts have to be reachable. The content of the other host is copied aside there before anything of it\nis overwritten: see `understudy aside`. Asked again, it goes on where it was.',
    )
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        if (!options.yes) await confirm(module, options, io);
        const params = { module, keep: options.keep, confirm: module };
        return printCommandResult(io, options.json, await callAgent('module.resolve', params, options, io));
      }),
    );
};

async function confirm(module: string, options: Options, io: Io): Promise<void> {
  if (!io.isInteractive) {
    throw new CliError(
      exitCodes.usage,
      'CONFIRMATION',
      `The history of the other host of ${module} is put aside: confirm it with --yes where nobody can be asked.`,
    );
  }
  const snapshot = await callAgent('cluster.snapshot', {}, options, io);
  const status = snapshot.modules.find(({ name }) => name === module);
  const told = status === undefined ? null : consequences(status, options.keep);
  if (told !== null) io.stderr(told);
  requireConfirmation(module, await askFor(io, "Type the module's name to go on: "));
}

/** What will happen, for people; null when the module has not diverged, which the agent then says better. */
export function consequences(module: ModuleStatus, keep: string): string | null {
  const waits = module.onHosts.find((replica) => replica.diverged);
  const diverged = waits?.diverged;
  if (!waits || !diverged) return null;
  const keepsRunning = keep === diverged.from;
  const loser = keepsRunning ? waits.host : diverged.from;
  const [keptEpoch, lostEpoch] = keepsRunning
    ? [diverged.fromEpoch, diverged.epoch]
    : [diverged.epoch, diverged.fromEpoch];
  const after = diverged.since === 0 ? 'from the beginning' : `after epoch ${String(diverged.since)}`;
  return [
    `${module.name} has two histories ${after}.`,
    `Kept: ${keep} (epoch ${String(keptEpoch)}). Put aside: what ${loser} holds (epoch ${String(lostEpoch)}), in a folder on ${loser}.`,
    keepsRunning
      ? `The server goes on running on ${keep}; ${loser} is brought up to date.`
      : `The server is stopped on ${loser}, started on ${keep} without anything that was written on ${loser} since, and ${loser} is brought up to date.`,
    '',
  ].join('\n');
}
