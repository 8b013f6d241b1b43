import { Option } from 'commander';
import { defaultConfigDirectory } from '../../config/configuration.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { type AddVerb, printJson } from '../verb.ts';

export const addAgent: AddVerb = (program, { io, run }) => {
  program
    .command('agent')
    .description('run the agent of this host until SIGTERM or Ctrl-C, then stop in order')
    .option('--config <directory>', 'folder of agent.jsonc, the cluster file and modules/', defaultConfigDirectory)
    // What one agent asks the next: see `understudy upgrade`.
    .addOption(new Option('--can-take-over', 'say whether this program can take over from a running agent').hideHelp())
    .addHelpText('after', '\nExample:\n  understudy agent --config /etc/understudy')
    .action((options: { readonly config: string; readonly canTakeOver?: boolean }) =>
      run(false, async () => {
        // Loaded here: no other verb needs the mirror and its native library.
        const { offerTakeOver, runAgent } = await import('../../agent.ts');
        if (options.canTakeOver === true) {
          const offer = await offerTakeOver(options.config);
          if (typeof offer === 'string') throw new CliError(exitCodes.invalid, 'CONFIGURATION', offer);
          printJson(io, offer);
          return exitCodes.ok;
        }
        return (await runAgent({ configDirectory: options.config, signal: io.signal })) as ExitCode;
      }),
    );
};
