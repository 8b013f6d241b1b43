import type { Snapshot } from '../../../schemas/generated/api.ts';
import { printCommandResult } from '../commandResult.ts';
import { callAgent, connectAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import type { Io } from '../io.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
}

export const addDrain: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('drain'), '3600')
    .description('move every module away from a host in order, so that it may be rebooted')
    .argument('<host>', 'name of the host')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy drain alpha\n\nThe modules that the host serves are switched over to their other hosts, two at a time. Nothing is moved when one of\nthem cannot be. From then on, over restarts, the host is drained: it follows and is kept in sync, but no start,\nswitchover or failback prefers it until `understudy undrain HOST`. When the other host of a pair fails, stops, or may\nnot go on (its disk, its server, a condition), a drained host takes over all the same, as otherwise nobody would serve\nthe module: reboot it when the pairs are whole.',
    )
    .action((host: string, options: Options) =>
      run(options.json, async () => {
        const progress = options.json ? null : await showMoves(host, options, io);
        try {
          const result = await callAgent('host.drain', { host }, options, io);
          await progress?.catchUp();
          return printCommandResult(io, options.json, result);
        } finally {
          progress?.close();
        }
      }),
    );
};

interface Progress {
  /** Changes are gathered before they are told: the last ones may come after the command's answer. */
  readonly catchUp: () => Promise<void>;
  readonly close: () => void;
}

/** Tells of each module that leaves the host, by what the cluster says of it. */
async function showMoves(host: string, options: Options, io: Io): Promise<Progress> {
  const left = new Set<string>();
  let waiting = new Set<string>();
  const tell = (modules: Snapshot['modules']): void => {
    for (const module of modules) {
      const { primary, onHosts } = module;
      if (!waiting.has(module.name)) continue;
      const there = onHosts.find((each) => each.host === primary);
      if (primary === host) {
        const here = there?.transition ?? null;
        if (here === null || left.has(module.name)) continue;
        left.add(module.name);
        io.stdout(`${module.name}: leaving ${host} …\n`);
      } else if (primary !== null && there?.server.state === 'running') {
        waiting.delete(module.name);
        io.stdout(`${module.name}: runs on ${primary}\n`);
      }
    }
  };
  const client = await connectAgent(options, io, { changed: ({ modules }) => tell(modules) });
  const snapshot = await client.call('cluster.subscribe', {});
  waiting = new Set(snapshot.modules.filter(({ primary }) => primary === host).map(({ name }) => name));
  return {
    catchUp: async () => tell((await client.call('cluster.snapshot', {})).modules),
    close: () => client.close(),
  };
}
