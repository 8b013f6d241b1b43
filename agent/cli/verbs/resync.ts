import type { ResyncBandwidth, ResyncParams } from '../../../schemas/generated/api.ts';
import { parseRate } from '../../../schemas/units.ts';
import { printCommandResult } from '../commandResult.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly pause: boolean;
  readonly resume: boolean;
  readonly yes: boolean;
  readonly bandwidth?: string;
}

export const addResync: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('resync'))
    .description('pause the resync of a module that is under way, let it go on, or say how much it may take')
    .argument('<module>', 'name of the module')
    .option('--pause', 'compare and send nothing more for it until --resume', false)
    .option('--resume', 'go on with a resync that is paused', false)
    .option('--bandwidth <rate>', 'how much it may take: adaptive, unlimited, or a rate such as 100MiB/s')
    .option('--yes', 'with --pause: do not ask for confirmation', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy resync web --pause\n  understudy resync web --resume --bandwidth 20MiB/s\n  understudy resync web --bandwidth adaptive\n\nWhile a resync is paused the server goes on, and what it writes is still sent; but the secondary is not in sync: if\nthe primary fails, nobody takes over. A pause outlasts restarts of the agent and holds for the next resync, too. A\nbandwidth holds until the secondary is in sync; then that of the module file does ("resync": { "bandwidth": … }).\n`understudy status` shows how far a resync is.',
    )
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        const params = paramsOf(module, options);
        if (options.pause && !options.yes) await askConfirmation(module, options, io);
        const confirmed = options.pause ? { ...params, confirm: module } : params;
        return printCommandResult(io, options.json, await callAgent('module.resync', confirmed, options, io));
      }),
    );
};

function paramsOf(module: string, { pause, resume, bandwidth }: Options): ResyncParams {
  if (pause && (resume || bandwidth !== undefined)) {
    throw new CliError(exitCodes.usage, 'BAD_OPTIONS', '--pause goes with neither --resume nor --bandwidth.');
  }
  if (pause) return { module, action: 'pause' };
  const rate = bandwidth === undefined ? undefined : bandwidthOf(bandwidth);
  if (resume) return { module, action: 'resume', ...(rate !== undefined && { bandwidth: rate }) };
  if (rate === undefined) {
    throw new CliError(
      exitCodes.usage,
      'BAD_OPTIONS',
      'Say what to do with the resync: --pause, --resume, or --bandwidth RATE. `understudy status` shows how far it is.',
    );
  }
  return { module, bandwidth: rate };
}

function bandwidthOf(text: string): ResyncBandwidth {
  if (text === 'adaptive') return text;
  const rate = parseRate(text);
  if (rate === null) {
    throw new CliError(
      exitCodes.usage,
      'BAD_RATE',
      `--bandwidth ${text}: expected a rate such as 50MiB/s, adaptive, or unlimited.`,
    );
  }
  return rate === 'unlimited' ? null : rate;
}

/** Names what is without a second replica meanwhile. */
async function askConfirmation(module: string, options: Options, io: Io): Promise<void> {
  if (!io.isInteractive || options.json) {
    throw new CliError(
      exitCodes.usage,
      'CONFIRMATION',
      `While its resync is paused ${module} has no second replica: confirm it with --yes where nobody can be asked.`,
    );
  }
  const snapshot = await callAgent('cluster.snapshot', {}, options, io);
  const status = snapshot.modules.find(({ name }) => name === module);
  const primary = status?.primary ?? 'its primary';
  const secondary = status?.hosts.find((host) => host !== status.primary) ?? 'the secondary';
  io.stderr(
    `Until its resync is resumed ${module} runs on ${primary} WITHOUT a second replica: ${secondary} is not in sync, and does not take over when ${primary} fails.\n`,
  );
  requireConfirmation(module, await askFor(io, `Type the module's name to pause the resync of ${secondary}: `));
}
