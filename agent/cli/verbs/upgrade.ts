import type { LogEntry } from '../../../schemas/generated/api.ts';
import { callAgent, timeoutMs, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { UnreachableError } from '../../api/clientErrors.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { type AddVerb, printJson } from '../verb.ts';

const pollMs = 200;
/** An agent that is not there for so long does not come back by this upgrade. */
const absentMs = 60_000;

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly check: boolean;
}

export const addUpgrade: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('upgrade'))
    .description('replace the agent of this host by the program that is installed now; the virtual servers run on')
    .option('--check', 'only say whether it can be done', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy upgrade\n  understudy upgrade --check\n  npm install -g ./understudy-agent-VERSION.tgz && understudy upgrade\n\nThe installed program is asked first; what stands in the way is said before anything is stopped. Each module that this\nhost serves goes on alone for some seconds: its server waits for a moment, and the other host is brought up to date\nafterwards (only what changed). Modules that this host follows are opened anew. Upgrade one host after the other, each\nwhen `understudy status` shows the pairs whole again; the witness last. Needs Linux 6.9 where a module is served.',
    )
    .action((options: Options) =>
      run(options.json, async () => {
        const begun = await callAgent('agent.upgrade', { onlyLook: options.check }, options, io);
        if (begun.upgrade === null) {
          if (options.json) printJson(io, { ok: true, ...begun });
          else io.stdout(`${begun.message}\n`);
          return exitCodes.ok;
        }
        if (!options.json) io.stderr(`${begun.message}\n`);
        const entry = await follow(begun.upgrade, options, io);
        const good = entry.code === 'AGENT_UPGRADED' && entry.level === 'info';
        if (options.json) printJson(io, { ok: good, message: entry.message, ...entry.fields });
        else io.stdout(`${entry.message}\n`);
        return good ? exitCodes.ok : exitCodes.refused;
      }),
    );
};

/** Waits for what the log says of an upgrade. The agent is not there for a moment meanwhile. */
async function follow(upgrade: string, options: Options, io: Io): Promise<LogEntry> {
  const limit = performance.now() + timeoutMs(options);
  let heardAt = performance.now();
  for (;;) {
    try {
      const { entries } = await callAgent('log.read', { limit: 500 }, { ...options, timeout: '5' }, io);
      heardAt = performance.now();
      const told = entries.find(
        ({ code, fields }) =>
          (code === 'AGENT_UPGRADED' || code === 'UPGRADE_FAILED') && fields?.['upgrade'] === upgrade,
      );
      if (told) return told;
    } catch (error) {
      if (error instanceof CliError) throw error;
      if (!(error instanceof UnreachableError) && performance.now() - heardAt > absentMs) throw error;
    }
    const late = performance.now() > limit;
    if (late || performance.now() - heardAt > absentMs) {
      throw new CliError(
        exitCodes.timedOut,
        'TIMEOUT',
        'The agent did not say what came of the upgrade: see `understudy status`, and the log of the service.',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
