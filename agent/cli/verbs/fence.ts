import { printCommandResult } from '../commandResult.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly test: boolean;
  readonly confirm?: string;
}

export const addFence: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('fence'), '1200')
    .description('power another host off, or reset it, by the devices that the cluster file names under "fence"')
    .argument('<host>', 'name of the host')
    .option('--test', 'only ask the devices whether they answer, and whether the host has power', false)
    .option('--confirm <host>', "the host's name again, where nobody can be asked")
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy fence alpha --test\n  understudy fence alpha --confirm alpha\n\nThe agent that is asked does it, so run it on the host that would take over: the test shows whether that one reaches the\ndevices. Everything that runs on the host ends as by a loss of power; its modules are taken over by their other hosts.',
    )
    .action((host: string, options: Options) =>
      run(options.json, async () => {
        if (options.test) {
          return printCommandResult(io, options.json, await callAgent('host.testFence', { host }, options, io));
        }
        const confirm = options.confirm ?? (await askConfirmation(host, io));
        requireConfirmation(host, confirm);
        return printCommandResult(io, options.json, await callAgent('host.fence', { host, confirm }, options, io));
      }),
    );
};

async function askConfirmation(host: string, io: Io): Promise<string> {
  if (!io.isInteractive) {
    throw new CliError(
      exitCodes.usage,
      'CONFIRMATION',
      `This resets ${host}, whatever runs there: confirm it with --confirm ${host}, or ask only with --test.`,
    );
  }
  io.stderr(`${host} will be powered off or reset. Whatever runs there ends as by a loss of power.\n`);
  return askFor(io, "Type the host's name to go on: ");
}
