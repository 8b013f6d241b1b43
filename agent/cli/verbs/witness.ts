import type { Command } from 'commander';
import { mostClusters } from '../../arbiter/recordRoom.ts';
import { authorityOf } from '../../security/identity.ts';
import { parseJoinToken } from '../../security/joinTokens.ts';
import { askControl } from '../../witness/control.ts';
import { whyNoWitness, whyRunsModules } from '../../witness/witnessCluster.ts';
import { defaultWitnessFolder, WitnessFolder } from '../../witness/witnessFolder.ts';
import type { ClusterState } from '../../witness/witnessProcess.ts';
import { agentVersion } from '../../version.ts';
import { askToJoin } from '../askToJoin.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';
import { describeClusters, witnessLines } from '../witnessView.ts';

interface Common {
  readonly folder: string;
  readonly json: boolean;
}

interface AddOptions extends Common {
  readonly server: string;
  readonly token: string;
  readonly as?: string;
}

const clusterName = /^[a-z][a-z0-9-]{0,31}$/;

export const addWitness: AddVerb = (program, { io, run }) => {
  const witness = program
    .command('witness')
    .description('be the witness of many clusters, on a machine that runs no modules')
    .addHelpText(
      'after',
      `
Examples:
  understudy witness add --server 10.77.0.1 --token gamma.XXXX.YYYY
  understudy witness run

On the first host of each cluster, \`understudy init\` and \`understudy token join --host gamma\` print server and token
(in the line \`understudy join …\`). A host that runs modules is a witness with \`understudy agent\` instead.`,
    );

  withFolder(witness.command('run'))
    .description('answer for the clusters that were added, until SIGTERM or Ctrl-C')
    .action(({ folder }: Common) =>
      run(false, async () => {
        // Loaded here: no other verb needs them.
        const { runWitness } = await import('../../witness/witnessProcess.ts');
        const { ServiceManager } = await import('../../platform/serviceManager.ts');
        const manager = new ServiceManager(io.environment);
        const signs = manager.aliveEveryMs === null ? null : setInterval(() => manager.alive(), manager.aliveEveryMs);
        try {
          await runWitness({
            ...{ folder, agentVersion, signal: io.signal, write: io.stderr },
            onReady: () => manager.ready(),
          });
        } finally {
          if (signs) clearInterval(signs);
        }
        return exitCodes.ok;
      }),
    );

  withFolder(witness.command('add'))
    .description('become the witness of a cluster, or get a new certificate and cluster file of one; records stay')
    .requiredOption('--server <address>', 'the first host of the cluster, ADDRESS or ADDRESS:PORT')
    .requiredOption('--token <token>', 'the one-time token')
    .option('--as <name>', 'name of the cluster here, when another one has the same (default: its own)')
    .option('--json', 'print the outcome as JSON', false)
    .action((options: AddOptions) => run(options.json, () => add(options, io)));

  withFolder(witness.command('list'))
    .description('list the clusters, their hosts, the modules that have a record, and the space they take')
    .option('--json', 'print as JSON', false)
    .action((options: Common) => run(options.json, () => list(options, io)));

  withFolder(witness.command('remove'))
    .description('answer no more for a cluster, and forget its records')
    .argument('<cluster>', 'name of the cluster here')
    .option('--confirm <cluster>', "the cluster's name again, where nobody can be asked")
    .option('--json', 'print the outcome as JSON', false)
    .action((name: string, options: Common & { readonly confirm?: string }) =>
      run(options.json, () => remove(name, options, io)),
    );
};

function withFolder(command: Command): Command {
  return command.option('--folder <directory>', 'folder of everything that the witness keeps', defaultWitnessFolder);
}

async function add(options: AddOptions, io: Io): Promise<ExitCode> {
  const folder = new WitnessFolder(options.folder);
  if (options.as !== undefined && !clusterName.test(options.as)) {
    throw new CliError(
      exitCodes.usage,
      'BAD_NAME',
      `--as ${options.as}: expected a lower-case letter, then up to 31 lower-case letters, digits or hyphens.`,
    );
  }
  folder.recover();
  // Refused before the token is used up, as far as it can be known.
  const known = knownAs(folder, parseJoinToken(options.token).authority);
  if (options.as !== undefined) checkName(folder, options.as, known);
  const { host, key, result, source } = await askToJoin(options);
  const why =
    whyNoWitness(source.cluster, host, source.file.text) ?? whyRunsModules(host, result.modules, source.cluster.name);
  if (why !== null) throw new CliError(exitCodes.refused, 'NO_WITNESS', `Nothing was changed: ${why}.`);
  const name = options.as ?? known ?? source.cluster.name;
  checkName(folder, name, known);
  const { authority, certificate } = result;
  folder.install(name, { file: source.file, identity: { authority, certificate, key } });
  const states = await reload(folder);
  const problem = states?.find((state) => state.name === name)?.problem ?? null;
  if (problem !== null) {
    throw new CliError(exitCodes.invalid, 'NOT_SERVED', `${name} is added, but it is not served: ${problem}`);
  }
  if (options.json) {
    printJson(io, { ok: true, cluster: name, host, isNew: known === null, isRunning: states !== null });
    return exitCodes.ok;
  }
  io.stdout(`${host} is the witness of the cluster ${name}${known === null ? '' : ', with new files'}.\n`);
  if (states === null) {
    const where = options.folder === defaultWitnessFolder ? '' : ` --folder ${options.folder}`;
    io.stdout(
      `It does not run yet. Start it with the systemd unit that is in the package, or:\n\n  understudy witness run${where}\n`,
    );
  }
  return exitCodes.ok;
}

/** The name that the cluster with this authority has here; null: it is not here. */
function knownAs(folder: WitnessFolder, authority: string): string | null {
  return folder.names().find((name) => authorityOf(folder.clusterDirectory(name)) === authority) ?? null;
}

/** @param known the name that the cluster has here already */
function checkName(folder: WitnessFolder, name: string, known: string | null): void {
  const names = folder.names();
  if (known !== null && known !== name) {
    throw new CliError(
      exitCodes.refused,
      'ALREADY',
      `This cluster is here already, as ${known}: nothing was changed. Leave --as out, or remove it first.`,
    );
  }
  if (known === null && names.includes(name)) {
    throw new CliError(
      exitCodes.refused,
      'NAME_TAKEN',
      `Another cluster has the name ${name} here: nothing was changed. Make a new token with \`understudy token join\`, and give the cluster another name here with --as NAME.`,
    );
  }
  if (known === null && names.length >= mostClusters) {
    throw new CliError(
      exitCodes.refused,
      'FULL',
      `A witness answers for at most ${String(mostClusters)} clusters: nothing was changed.`,
    );
  }
}

async function reload(folder: WitnessFolder): Promise<readonly ClusterState[] | null> {
  return (await askControl(folder.controlSocket, 'POST /reload')) as readonly ClusterState[] | null;
}

async function list(options: Common, io: Io): Promise<ExitCode> {
  const folder = new WitnessFolder(options.folder);
  const states = (await askControl(folder.controlSocket, 'GET /clusters')) as readonly ClusterState[] | null;
  const clusters = describeClusters(folder, states);
  if (options.json) printJson(io, { ok: true, isRunning: states !== null, clusters });
  else io.stdout(witnessLines(clusters, states !== null, io.hasColour));
  return exitCodes.ok;
}

async function remove(name: string, options: Common & { readonly confirm?: string }, io: Io): Promise<ExitCode> {
  const folder = new WitnessFolder(options.folder);
  folder.recover();
  const names = folder.names();
  if (!names.includes(name)) {
    const known = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
    throw new CliError(exitCodes.usage, 'UNKNOWN_CLUSTER', `There is no cluster ${name} here: ${known}.`);
  }
  const confirm = options.confirm ?? (await askConfirmation(name, io));
  requireConfirmation(name, confirm);
  folder.remove(name);
  await reload(folder);
  folder.clear(name);
  if (options.json) printJson(io, { ok: true, cluster: name });
  else io.stdout(`${name} is removed. Its hosts find no witness here until it is added again.\n`);
  return exitCodes.ok;
}

const consequence =
  'Its pairs go on as they are, but no host can take over for a failed one until the cluster has an arbiter again.';

async function askConfirmation(name: string, io: Io): Promise<string> {
  if (!io.isInteractive) {
    throw new CliError(exitCodes.usage, 'CONFIRMATION', `${consequence} Confirm it with --confirm ${name}.`);
  }
  io.stderr(`This witness will answer no more for the cluster ${name}, and forget its records.\n${consequence}\n`);
  return askFor(io, "Type the cluster's name to go on: ");
}
