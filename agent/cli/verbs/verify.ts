import type { LastVerify, ModuleStatus } from '../../../schemas/generated/api.ts';
import { parseRate } from '../../../schemas/units.ts';
import { printCommandResult } from '../commandResult.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { describeLastVerify, describeVerify } from '../verifyView.ts';
import { type AddVerb, printJson } from '../verb.ts';

const pollMs = 500;
/** A verify that no host tells of any more for this long has no end to wait for. */
const silenceMs = 30_000;

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly bandwidth: string;
  readonly stop: boolean;
  readonly follow: boolean;
}

export const addVerify: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('verify'))
    .description('compare both replicas of a module while its server runs; changes nothing')
    .argument('<module>', 'name of the module')
    .option('--bandwidth <rate>', 'content read per second at most, such as 100MiB/s, or unlimited', '50MiB/s')
    .option('--no-follow', 'only start it: `understudy status` shows how far it is')
    .option('--stop', 'end the verify that is running', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy verify web\n  understudy verify web --bandwidth 200MiB/s --no-follow\n  understudy verify web --stop\n\nBoth replicas have to be in sync. Ctrl-C ends the waiting, not the verify. Exit code 3: there are differences, or it\nis not complete. What is read is what the hosts would read, their page caches included.',
    )
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        if (options.stop) {
          const stopped = await callAgent('module.verify', { module, stop: true }, options, io);
          return printCommandResult(io, options.json, stopped);
        }
        const rate = parseRate(options.bandwidth);
        if (rate === null) {
          throw new CliError(
            exitCodes.usage,
            'BAD_RATE',
            `--bandwidth ${options.bandwidth}: expected a rate such as 50MiB/s, or unlimited.`,
          );
        }
        const before = (await moduleOf(module, options, io))?.lastVerify?.at ?? null;
        const params = { module, bandwidth: rate === 'unlimited' ? null : rate };
        const started = await callAgent('module.verify', params, options, io);
        if (!options.follow) return printCommandResult(io, options.json, started);
        if (!options.json) io.stderr(`${started.message}\n`);
        return printVerified(io, options.json, await follow(module, before, options, io));
      }),
    );
};

async function moduleOf(module: string, options: Options, io: Io): Promise<ModuleStatus | undefined> {
  const snapshot = await callAgent('cluster.snapshot', {}, options, io);
  return snapshot.modules.find(({ name }) => name === module);
}

/** Waits for the report of a verify. @param before when the one before it ended */
async function follow(module: string, before: string | null, options: Options, io: Io): Promise<LastVerify> {
  let seenAt = performance.now();
  for (;;) {
    const status = await moduleOf(module, options, io);
    const last = status?.lastVerify;
    if (last && last.at !== before) {
      if (io.isTerminal && !options.json) io.stderr('\n');
      return last;
    }
    const running = status?.onHosts.find(({ verify }) => verify)?.verify;
    if (running) {
      seenAt = performance.now();
      if (io.isTerminal && !options.json) io.stderr(`\r${describeVerify(running)}\u001b[K`);
    } else if (performance.now() - seenAt > silenceMs) {
      throw new CliError(
        exitCodes.timedOut,
        'NOT_HEARD',
        `No host tells of the verify of ${module} any more: see \`understudy log ${module}\`.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function printVerified(io: Io, json: boolean, verify: LastVerify): ExitCode {
  const good = verify.outcome === 'complete' && verify.total === 0;
  if (json) printJson(io, { ok: good, verify });
  else io.stdout(describeLastVerify(verify));
  return good ? exitCodes.ok : exitCodes.refused;
}
