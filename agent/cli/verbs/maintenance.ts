import type { MaintenanceParams } from '../../../schemas/generated/api.ts';
import { parseDuration } from '../../../schemas/units.ts';
import { printCommandResult } from '../commandResult.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly end: boolean;
  readonly for?: string;
  readonly reason?: string;
}

const longestMs = 30 * 86_400_000;

export const addMaintenance: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('maintenance'))
    .description('keep a module from being restarted or taken over by itself for a while')
    .argument('<module>', 'name of the module')
    .option('--for <duration>', 'how long from now on, such as 90s, 30m or 2h; at most 30d')
    .option('--reason <text>', 'what is being done, shown wherever the module is shown')
    .option('--end', 'end the maintenance now', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy maintenance web --for 2h --reason "new switch"\n  understudy maintenance web --end\n\nUntil the end a server that ends stays down, the other host does not take over, and an agent that is stopped hands nothing\nover. What was held up begins at the end, or when an operator asks for it: `start`, `switchover` and `force-primary` are\ncarried out. Both hosts know of it, over restarts; one that is away learns it when it is back. Nothing about the safety\nof the data changes: a host that is cut off still stops its server.',
    )
    .action((module: string, options: Options) =>
      run(options.json, async () =>
        printCommandResult(
          io,
          options.json,
          await callAgent('module.maintenance', paramsOf(module, options), options, io),
        ),
      ),
    );
};

function paramsOf(module: string, { end, for: duration, reason }: Options): MaintenanceParams {
  if (end) {
    if (duration === undefined && reason === undefined) return { module, end };
    throw new CliError(exitCodes.usage, 'BAD_OPTIONS', '--end goes with neither --for nor --reason.');
  }
  const forMs = duration === undefined ? null : parseDuration(duration);
  if (forMs === null || forMs < 1000 || forMs > longestMs) {
    const told = duration === undefined ? 'Say how long' : `--for ${duration}: expected`;
    throw new CliError(
      exitCodes.usage,
      'BAD_DURATION',
      `${told}${duration === undefined ? ':' : ''} a duration from 1s to 30d, such as --for 2h; or end a maintenance with --end.`,
    );
  }
  if ((reason?.length ?? 0) > 256) throw new CliError(exitCodes.usage, 'BAD_OPTIONS', '--reason takes 256 characters.');
  return { module, forSeconds: Math.ceil(forMs / 1000), ...(reason !== undefined && { reason }) };
}
