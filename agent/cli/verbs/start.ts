import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { printCommandResult } from '../commandResult.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly anyway: boolean;
}

export const addStart: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('start'))
    .description("start a module: on the host that the arbiter's record and the order of preference name")
    .argument('<module>', 'name of the module')
    .option('--anyway', 'although a host has too little room, or what the module depends on does not run', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', '\nExamples:\n  understudy start web\n  understudy start web --anyway')
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        const params = options.anyway ? { module, anyway: true } : { module };
        return printCommandResult(io, options.json, await callAgent('module.start', params, options, io));
      }),
    );
};
