import { printCommandResult } from '../commandResult.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
}

export const addUndrain: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('undrain'))
    .description('let a host that was drained take modules again')
    .argument('<host>', 'name of the host')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy undrain alpha\n\nIt moves nothing back: `understudy switchover MODULE` does, or a failback ("failover": { "failback": "automatic" }).',
    )
    .action((host: string, options: Options) =>
      run(options.json, async () =>
        printCommandResult(io, options.json, await callAgent('host.undrain', { host }, options, io)),
      ),
    );
};
