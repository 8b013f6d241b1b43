import { defaultConfigDirectory } from '../../config/configuration.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { AddVerb } from '../verb.ts';

export const addAgent: AddVerb = (program, { io, run }) => {
  program
    .command('agent')
    .description('run the agent of this host until SIGTERM or Ctrl-C, then stop in order')
    .option('--config <directory>', 'folder of agent.jsonc, the cluster file and modules/', defaultConfigDirectory)
    .addHelpText('after', '\nExample:\n  understudy agent --config /etc/understudy')
    .action((options: { readonly config: string }) =>
      run(false, async () => {
        // Loaded here: no other verb needs the mirror and its native library.
        const { runAgent } = await import('../../agent.ts');
        return (await runAgent({ configDirectory: options.config, signal: io.signal })) as ExitCode;
      }),
    );
};
