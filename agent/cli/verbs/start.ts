import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { printCommandResult } from '../commandResult.ts';
import type { AddVerb } from '../verb.ts';

export const addStart: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('start'))
    .description("start a module: on the host that the arbiter's record and the order of preference name")
    .argument('<module>', 'name of the module')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy start web')
    .action((module: string, options: ConnectionOptions & { readonly json: boolean }) =>
      run(options.json, async () =>
        printCommandResult(io, options.json, await callAgent('module.start', { module }, options, io)),
      ),
    );
};
