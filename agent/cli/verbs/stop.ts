import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { printCommandResult } from '../commandResult.ts';
import type { AddVerb } from '../verb.ts';

export const addStop: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('stop'))
    .description('stop a module on both hosts: the server is shut down, the directory is plain files again')
    .argument('<module>', 'name of the module')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy stop web')
    .action((module: string, options: ConnectionOptions & { readonly json: boolean }) =>
      run(options.json, async () =>
        printCommandResult(io, options.json, await callAgent('module.stop', { module }, options, io)),
      ),
    );
};
