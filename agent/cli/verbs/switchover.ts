import { printCommandResult } from '../commandResult.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly to?: string;
}

export const addSwitchover: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('switchover'))
    .description('move a module to its other host in order: needs a healthy pair, loses nothing')
    .argument('<module>', 'name of the module')
    .option('--to <host>', 'the host that it shall run on (default: the one that it does not run on)')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy switchover web --to beta')
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        const params = options.to === undefined ? { module } : { module, to: options.to };
        return printCommandResult(io, options.json, await callAgent('module.switchover', params, options, io));
      }),
    );
};
