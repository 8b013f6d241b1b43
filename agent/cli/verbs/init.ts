import { witnessesOf } from '../../../schemas/defaults.ts';
import { nearest } from '../../../schemas/nearest.ts';
import { formatDiagnostic } from '../../../schemas/diagnostic.ts';
import { defaultConfigDirectory } from '../../config/configuration.ts';
import { createAuthority, createHostCertificate } from '../../security/certificates.ts';
import { storeAuthority, storeIdentity } from '../../security/identity.ts';
import { makeClusterText, readClusterFile } from '../clusterSource.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { installFiles, makeRoom, settingsOf } from '../install.ts';
import type { Io } from '../io.ts';
import { makeJoinLine } from '../joinLines.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options {
  readonly host: string;
  readonly cluster?: string;
  readonly name?: string;
  readonly address: readonly string[];
  readonly witness?: string;
  readonly config: string;
  readonly state?: string;
  readonly run?: string;
  readonly force: boolean;
  readonly json: boolean;
}

const example = `
Examples:
  understudy init --host alpha --cluster site.cluster.jsonc
  understudy init --host alpha --name site --witness gamma \\
    --address alpha=10.77.0.1 --address beta=10.77.0.2 --address gamma=10.77.0.3

It makes the cluster's certificate authority and this host's certificate, installs the cluster file and agent.jsonc,
and prints for every other host the line that lets it join. Start the agent here before they do.`;

export const addInit: AddVerb = (program, { io, run }) => {
  program
    .command('init')
    .description('make a cluster with this host as its first one')
    .requiredOption('--host <name>', 'name of this host in the cluster file')
    .option('--cluster <file>', 'the cluster file, NAME.cluster.jsonc')
    .option('--name <name>', 'without a cluster file: the name of the cluster')
    .option(
      '--address <host=address>',
      'without a cluster file: HOST=ADDRESS or HOST:NETWORK=ADDRESS; repeat for each',
      collect,
      [],
    )
    .option('--witness <host>', 'without a cluster file: the host that is the arbiter')
    .option('--config <directory>', 'folder to install into', defaultConfigDirectory)
    .option('--state <directory>', "folder of the agent's durable state (default: /var/lib/understudy)")
    .option('--run <directory>', 'folder of sockets and pid files (default: /run/understudy)')
    .option('--force', 'put an existing cluster aside in a backup folder', false)
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText('after', example)
    .action((options: Options) => run(options.json, () => init(options, io)));
};

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

async function init(options: Options, io: Io): Promise<ExitCode> {
  const { file, cluster, warnings } = await clusterOf(options);
  const self = cluster.hosts.find(({ name }) => name === options.host);
  if (self === undefined) {
    const names = cluster.hosts.map(({ name }) => name);
    const hint = nearest(options.host, names);
    throw new CliError(
      exitCodes.invalid,
      'UNKNOWN_HOST',
      `"${options.host}" is no host of ${file.name}: expected one of ${names.join(', ')}${hint === null ? '' : `; did you mean "${hint}"?`}`,
    );
  }
  const settings = settingsOf(options.host, options);
  // Whatever can fail without leaving a trace comes first.
  const authority = await createAuthority(cluster.name);
  const own = await createHostCertificate(authority, {
    host: self.name,
    addresses: self.addresses.map(({ address }) => address),
  });
  const backup = makeRoom(options.config, settings.stateDirectory, options.force);
  storeAuthority(options.config, authority);
  storeIdentity(options.config, { authority: authority.certificate, certificate: own.certificate, key: own.key });
  installFiles(options.config, self.name, options, file, []);
  const lines = cluster.hosts
    .filter((host) => host !== self)
    .map((host) => makeJoinLine(cluster, self, host, settings.stateDirectory, authority.certificate));

  if (options.json) {
    printJson(io, { ok: true, cluster: cluster.name, host: self.name, config: options.config, backup, join: lines });
    return exitCodes.ok;
  }
  for (const warning of warnings) io.stderr(`${formatDiagnostic(warning)}\n`);
  if (backup !== null) io.stdout(`What was there before is in ${backup}.\n`);
  io.stdout(`The cluster ${cluster.name} is made, with ${self.name} as its first host, in ${options.config}.\n\n`);
  io.stdout(
    `Put module files into ${options.config}/modules and start the agent here:\n\n  understudy agent${options.config === defaultConfigDirectory ? '' : ` --config ${options.config}`}\n\n`,
  );
  io.stdout('Then let the other hosts join. Each line is good once, for 24 hours:\n\n');
  for (const line of lines) io.stdout(`on ${line.host}:\n  ${line.command}\n\n`);
  const witnesses = witnessesOf(cluster).filter((host) => host !== self.name);
  if (witnesses.length > 0) {
    io.stdout(
      `A machine that runs no modules and shall be the witness of other clusters, too, takes \`understudy witness add\` in place of \`understudy join\` (${witnesses.join(', ')}).\n\n`,
    );
  }
  io.stdout('A token for the editor:\n\n  understudy token create --name laptop --role operator\n');
  return exitCodes.ok;
}

async function clusterOf(options: Options): ReturnType<typeof readClusterFile> {
  if (options.cluster !== undefined) {
    if (options.name !== undefined || options.address.length > 0 || options.witness !== undefined) {
      throw new CliError(
        exitCodes.usage,
        'USAGE',
        'Give either --cluster FILE, or --name with --address and --witness.',
      );
    }
    return readClusterFile(options.cluster);
  }
  if (options.name === undefined) {
    throw new CliError(
      exitCodes.usage,
      'USAGE',
      'A cluster file is missing: give --cluster FILE, or --name NAME with --address for each host.',
    );
  }
  return makeClusterText(options.name, options.address, options.witness);
}
