import type { LastVerify, ModuleStatus } from '../../../schemas/generated/api.ts';
import { parseRate } from '../../../schemas/units.ts';
import { printCommandResult } from '../commandResult.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { describeResync } from '../statusView.ts';
import { describeLastVerify, describeVerify } from '../verifyView.ts';
import { type AddVerb, printJson } from '../verb.ts';

const pollMs = 500;
/** A verify that no host tells of any more for this long has no end to wait for. */
const silenceMs = 30_000;

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly bandwidth?: string;
  readonly stop: boolean;
  readonly follow: boolean;
  readonly repair: boolean;
  readonly yes: boolean;
}

export const addVerify: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('verify'))
    .description(
      'compare both replicas of a module while its server runs; changes nothing unless --repair is confirmed',
    )
    .argument('<module>', 'name of the module')
    .option(
      '--bandwidth <rate>',
      'content read per second at most, such as 100MiB/s, or unlimited; else as the module file says',
    )
    .option('--no-follow', 'only start it: `understudy status` shows how far it is')
    .option('--stop', 'end the verify that is running', false)
    .option('--repair', 'afterwards overwrite what differs on the secondary, when that is confirmed', false)
    .option('--yes', 'with --repair: do not ask for confirmation', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy verify web\n  understudy verify web --bandwidth 200MiB/s --no-follow\n  understudy verify web --stop\n  understudy verify web --repair\n\nWith verify.schedule in the module file it is done by itself.\n\nBoth replicas have to be in sync. Ctrl-C ends the waiting, not the verify. Exit code 3: there are differences, or it\nis not complete. What is read is what the hosts would read, their page caches included.\n\nA repair overwrites only what differs on the secondary, with what the primary holds. Which of the two is right only\nyou can know: look at the differences first. What the secondary held is kept aside there (`understudy aside`); until\nits resync ends the module runs without a second replica. Then both are compared once more.',
    )
    .action((module: string, options: Options) =>
      run(options.json, async () => {
        if (options.stop) {
          const stopped = await callAgent('module.verify', { module, stop: true }, options, io);
          return printCommandResult(io, options.json, stopped);
        }
        if (options.repair) checkCanConfirm(module, options, io);
        const bandwidth = bandwidthOf(options);
        const before = (await moduleOf(module, options, io))?.lastVerify?.at ?? null;
        const params = { module, ...(bandwidth !== undefined && { bandwidth }) };
        const started = await callAgent('module.verify', params, options, io);
        if (!options.follow && !options.repair) return printCommandResult(io, options.json, started);
        if (!options.json) io.stderr(`${started.message}\n`);
        const verified = await follow(module, before, options, io);
        const isToRepair = options.repair && verified.outcome === 'complete' && verified.total > 0;
        if (!isToRepair) return printVerified(io, options.json, verified);
        if (!options.json) io.stderr(describeLastVerify(verified));
        return printVerified(io, options.json, await repair(module, verified, options, io));
      }),
    );
};

/** Undefined: as the module's file says. */
function bandwidthOf({ bandwidth }: Options): number | null | undefined {
  if (bandwidth === undefined) return undefined;
  const rate = parseRate(bandwidth);
  if (rate === null) {
    throw new CliError(
      exitCodes.usage,
      'BAD_RATE',
      `--bandwidth ${bandwidth}: expected a rate such as 50MiB/s, or unlimited.`,
    );
  }
  return rate === 'unlimited' ? null : rate;
}

function checkCanConfirm(module: string, { yes, json }: Options, io: Io): void {
  if (yes || (io.isInteractive && !json)) return;
  throw new CliError(
    exitCodes.usage,
    'CONFIRMATION',
    `A repair overwrites what differs on the secondary of ${module}: confirm it with --yes where nobody can be asked.`,
  );
}

/** Has what was found repaired, once that is confirmed, and waits for the verify that follows. */
async function repair(module: string, verified: LastVerify, options: Options, io: Io): Promise<LastVerify> {
  const hosts = (await moduleOf(module, options, io))?.hosts ?? [];
  const secondary = hosts.find((host) => host !== verified.host) ?? 'the secondary';
  if (!options.yes) {
    const count = verified.total === 1 ? '1 difference' : `${verified.total} differences`;
    io.stderr(
      `${count} of ${module}: what differs on ${secondary} will be OVERWRITTEN with what ${verified.host} holds. What ${secondary} holds now is kept\naside there. Until the resync has ended ${module} runs on ${verified.host} without a second replica.\n`,
    );
    requireConfirmation(module, await askFor(io, `Type the module's name to overwrite ${secondary}: `));
  }
  const begun = await callAgent('module.repair', { module, verifiedAt: verified.at, confirm: module }, options, io);
  if (!options.json) io.stderr(`${begun.message}\n`);
  return follow(module, verified.at, options, io);
}

async function moduleOf(module: string, options: Options, io: Io): Promise<ModuleStatus | undefined> {
  const snapshot = await callAgent('cluster.snapshot', {}, options, io);
  return snapshot.modules.find(({ name }) => name === module);
}

/** Waits for the report of a verify, and for a resync before it. @param before when the one before it ended */
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
    const source = status?.onHosts.find((each) => each.resync);
    const resync = source?.resync ? describeResync(source.resync, source.host) : null;
    if (running || resync !== null || isUnderRepair(status, before)) {
      seenAt = performance.now();
      const line = running ? describeVerify(running) : resync;
      if (line !== null && io.isTerminal && !options.json) io.stderr(`\r${line}\u001b[K`);
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

/** Keeping the secondary's content aside takes as long as the copy does. */
function isUnderRepair(status: ModuleStatus | undefined, before: string | null): boolean {
  return before !== null && status?.lastVerify?.at === before && status.lastVerify.repair?.phase === 'begun';
}

function printVerified(io: Io, json: boolean, verify: LastVerify): ExitCode {
  const good = verify.outcome === 'complete' && verify.total === 0;
  if (json) printJson(io, { ok: good, verify });
  else io.stdout(describeLastVerify(verify));
  return good ? exitCodes.ok : exitCodes.refused;
}
