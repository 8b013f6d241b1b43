import { printCommandResult } from '../commandResult.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly host: string;
  readonly confirm?: string;
}

export const addForcePrimary: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('force-primary'))
    .description(
      'start a module on a host whose replica is not known to be in sync: writes that only the other one has are set aside',
    )
    .argument('<module>', 'name of the module')
    .requiredOption('--host <host>', 'the host that shall become primary')
    .option('--confirm <module>', "the module's name again, where nobody can be asked")
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy force-primary web --host beta --confirm web')
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        const confirm = options.confirm ?? (await askConfirmation(module, options.host, io));
        requireConfirmation(module, confirm);
        return printCommandResult(
          io,
          options.json,
          await callAgent('module.forcePrimary', { module, host: options.host, confirm }, options, io),
        );
      }),
    );
};

async function askConfirmation(module: string, host: string, io: Io): Promise<string> {
  if (!io.isInteractive) {
    throw new CliError(
      exitCodes.usage,
      'CONFIRMATION',
      `This may lose writes that only the other replica has: confirm it with --confirm ${module}.`,
    );
  }
  io.stderr(
    `${module} will be started on ${host} with what ${host} has.\nWrites that were acknowledged and that only the other replica has will be missing from it.\n`,
  );
  return askFor(io, "Type the module's name to go on: ");
}
