import { existsSync } from 'node:fs';
import { Option } from 'commander';
import { defaultConfigDirectory } from '../../config/configuration.ts';
import { ClientTokens } from '../../security/clientTokens.ts';
import { authorityOf, identityFiles, loadIdentity, storeIdentity } from '../../security/identity.ts';
import { parseJoinToken } from '../../security/joinTokens.ts';
import { askToJoin } from '../askToJoin.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { installFiles, makeRoom, settingsOf } from '../install.ts';
import type { Io } from '../io.ts';
import { requireConfiguration } from '../requireConfiguration.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options {
  readonly server: string;
  readonly token: string;
  readonly host?: string;
  readonly config: string;
  readonly state?: string;
  readonly run?: string;
  readonly force: boolean;
  readonly renew: boolean;
  readonly json: boolean;
}

export const addJoin: AddVerb = (program, { io, run }) => {
  program
    .command('join')
    .description('make this host part of a cluster, with the line that `understudy init` printed on the first host')
    .requiredOption('--server <address>', 'the first host, ADDRESS or ADDRESS:PORT')
    .requiredOption('--token <token>', 'the one-time token')
    .option('--host <name>', 'name of this host (default: the one that the token is for)')
    .option('--config <directory>', 'folder to install into', defaultConfigDirectory)
    .option('--state <directory>', "folder of the agent's durable state (default: /var/lib/understudy)")
    .option('--run <directory>', 'folder of sockets and pid files (default: /run/understudy)')
    .option('--force', 'put an existing cluster aside in a backup folder', false)
    .addOption(
      new Option('--renew', 'get nothing but a new certificate, on a host that has joined already; its agent runs on')
        .default(false)
        .conflicts(['host', 'state', 'run', 'force']),
    )
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  understudy join --server 10.77.0.1 --token beta.XXXX.YYYY\n  understudy join --server 10.77.0.1 --token beta.XXXX.YYYY --renew\n\nThe private key is made here and never leaves this host.',
    )
    .action((options: Options) => run(options.json, () => (options.renew ? renew(options, io) : join(options, io))));
};

async function join(options: Options, io: Io): Promise<ExitCode> {
  const { stateDirectory } = settingsOf(parseJoinToken(options.token).host, options);
  // Refused before the token is used up.
  if (!options.force) makeRoom(options.config, stateDirectory, false);
  keepAuthority(options);
  const { host, key, result, source } = await askToJoin(options);

  const backup = makeRoom(options.config, stateDirectory, options.force);
  installFiles(options.config, host, options, source.file, result.modules);
  storeIdentity(options.config, { authority: result.authority, certificate: result.certificate, key });
  loadIdentity(options.config, host);
  new ClientTokens(stateDirectory).adopt(result.tokens);

  if (options.json) {
    printJson(io, {
      ok: true,
      cluster: source.cluster.name,
      host,
      config: options.config,
      backup,
      modules: result.modules.map(({ name }) => name),
    });
    return exitCodes.ok;
  }
  if (backup !== null) io.stdout(`What was there before is in ${backup}.\n`);
  io.stdout(
    `${host} is part of the cluster ${source.cluster.name} now, in ${options.config}. Start the agent here:\n\n  understudy agent${options.config === defaultConfigDirectory ? '' : ` --config ${options.config}`}\n`,
  );
  return exitCodes.ok;
}

/** The only host that can certify the others must not lose the key that it does it with by joining its own cluster. */
function keepAuthority({ config, token }: Options): void {
  const { authorityKey } = identityFiles(config);
  if (!existsSync(authorityKey) || authorityOf(config) !== parseJoinToken(token).authority) return;
  throw new CliError(
    exitCodes.refused,
    'AUTHORITY',
    `This host has made the cluster and certifies its hosts (${authorityKey}): nothing was changed. Its agent makes a new certificate for it by itself.`,
  );
}

/** Nothing but the certificate and its key is replaced: the agent goes on by its files, and modules run. */
async function renew(options: Options, io: Io): Promise<ExitCode> {
  const { host: named, authority } = parseJoinToken(options.token);
  const { self } = await requireConfiguration(options.config);
  const known = authorityOf(options.config);
  // Refused before the token is used up.
  if (self.name !== named) {
    throw new CliError(
      exitCodes.refused,
      'TOKEN_OTHER_HOST',
      `The token is for the host ${named}, and this host is ${self.name} by its agent.jsonc: nothing was changed.`,
    );
  }
  if (known !== null && known !== authority) {
    throw new CliError(
      exitCodes.refused,
      'OTHER_CLUSTER',
      `The token is for another cluster than ${options.config} belongs to: nothing was changed.`,
    );
  }
  const { host, key, result, source } = await askToJoin(options);
  storeIdentity(options.config, { authority: result.authority, certificate: result.certificate, key });
  const expires = loadIdentity(options.config, host).expires.toISOString();
  if (options.json) printJson(io, { ok: true, cluster: source.cluster.name, host, config: options.config, expires });
  else {
    io.stdout(
      `${host} has a new certificate in the cluster ${source.cluster.name}, good until ${expires.slice(0, 10)}. An agent that runs takes it within a minute.\n`,
    );
  }
  return exitCodes.ok;
}
