import { X509Certificate } from 'node:crypto';
import type { Command } from 'commander';
import type { Role } from '../../../schemas/generated/api.ts';
import { nearest } from '../../../schemas/nearest.ts';
import { defaultConfigDirectory } from '../../config/configuration.ts';
import { ClientTokens } from '../../security/clientTokens.ts';
import { loadAuthority, loadIdentity } from '../../security/identity.ts';
import { JoinTokens } from '../../security/joinTokens.ts';
import { readSecret, writeSecret } from '../../security/secretFile.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { makeJoinLine } from '../joinLines.ts';
import { requireConfiguration } from '../requireConfiguration.ts';
import { renderTable } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Common {
  readonly config: string;
  readonly json: boolean;
}

interface CreateOptions extends Common {
  readonly name: string;
  readonly role: string;
  readonly from?: string;
  readonly output?: string;
}

const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

export const addToken: AddVerb = (program, { io, run }) => {
  const token = program
    .command('token')
    .description('make, list and revoke the tokens of editors and command lines, and one-time tokens of hosts');

  common(token.command('create'))
    .description('make a token; it is printed once and kept as a hash only')
    .requiredOption('--name <name>', 'who will use it')
    .option(
      '--role <role>',
      'viewer (reads), operator (starts, stops, switches over) or admin (forces a primary too)',
      'viewer',
    )
    .option('--from <file>', 'take the token in this file, made on another host, so that it is good here too')
    .option('--output <file>', 'write the token to this file (mode 0600) instead of printing it')
    .addHelpText(
      'after',
      '\nExample:\n  understudy token create --role operator --name laptop\n\nHosts that join later get the tokens that there are; to a host that has joined, carry one over with --from.',
    )
    .action((options: CreateOptions) => run(options.json, () => create(options, io)));

  common(token.command('list'))
    .description('list the tokens of this host, and the join tokens that can still be used')
    .addHelpText('after', '\nExample:\n  understudy token list')
    .action((options: Common) => run(options.json, () => list(options, io)));

  common(token.command('revoke'))
    .description('make a token useless from now on, on this host')
    .argument('<name>', 'name of the token')
    .addHelpText('after', '\nExample:\n  understudy token revoke laptop')
    .action((name: string, options: Common) => run(options.json, () => revoke(name, options, io)));

  common(token.command('join'))
    .description('make a new one-time token for a host of the cluster file, on the host that made the cluster')
    .requiredOption('--host <name>', 'the host that shall join')
    .addHelpText('after', '\nExample:\n  understudy token join --host beta')
    .action((options: Common & { readonly host: string }) => run(options.json, () => joinToken(options, io)));
};

function common(command: Command): Command {
  return command
    .option('--config <directory>', 'folder of the local agent', defaultConfigDirectory)
    .option('--json', 'print the outcome as JSON', false);
}

async function create(options: CreateOptions, io: Io): Promise<ExitCode> {
  const role = roles.find((known) => known === options.role);
  if (role === undefined) {
    const hint = nearest(options.role, roles);
    throw new CliError(
      exitCodes.usage,
      'BAD_ROLE',
      `--role ${options.role}: expected one of ${roles.join(', ')}${hint === null ? '' : `; did you mean "${hint}"?`}`,
    );
  }
  const { agent } = await requireConfiguration(options.config);
  const tokens = new ClientTokens(agent.stateDirectory);
  const secret =
    options.from === undefined
      ? tokens.create(options.name, role)
      : tokens.create(options.name, role, readSecret(options.from).trim());
  const authority = agent.api.tls
    ? new X509Certificate(loadIdentity(options.config, agent.host).authority).fingerprint256
    : null;
  if (options.output !== undefined) writeSecret(options.output, `${secret}\n`);
  if (options.json) {
    printJson(io, {
      ok: true,
      name: options.name,
      role,
      authoritySha256: authority,
      ...(options.output === undefined ? { token: secret } : { file: options.output }),
    });
    return exitCodes.ok;
  }
  if (options.output === undefined) io.stdout(`${secret}\n`);
  // What is not the token goes elsewhere, so that the token can be piped.
  io.stderr(`Token "${options.name}" with the role ${role}, good on ${agent.host}. It cannot be shown again.\n`);
  if (authority !== null) {
    io.stderr(
      `When the editor asks whether to trust the cluster, its authority has the SHA-256 fingerprint\n${authority}\n`,
    );
  }
  return exitCodes.ok;
}

async function list(options: Common, io: Io): Promise<ExitCode> {
  const { agent } = await requireConfiguration(options.config);
  const clients = new ClientTokens(agent.stateDirectory).list();
  const joins = new JoinTokens(agent.stateDirectory).list();
  if (options.json) {
    printJson(io, { ok: true, clients: clients.map(({ name, role, created }) => ({ name, role, created })), joins });
    return exitCodes.ok;
  }
  const rows = [
    ...clients.map(({ name, role, created }) => [{ text: name }, { text: role }, { text: `created ${created}` }]),
    ...joins.map(({ host, expires }) => [{ text: host }, { text: 'join' }, { text: `expires ${expires}` }]),
  ];
  io.stdout(rows.length === 0 ? 'no tokens\n' : renderTable(rows, false));
  return exitCodes.ok;
}

async function revoke(name: string, options: Common, io: Io): Promise<ExitCode> {
  const { agent } = await requireConfiguration(options.config);
  new ClientTokens(agent.stateDirectory).revoke(name);
  if (options.json) printJson(io, { ok: true, name });
  else io.stdout(`The token "${name}" is refused on ${agent.host} from now on.\n`);
  return exitCodes.ok;
}

async function joinToken(options: Common & { readonly host: string }, io: Io): Promise<ExitCode> {
  const { agent, cluster, self } = await requireConfiguration(options.config);
  const host = cluster.hosts.find(({ name }) => name === options.host);
  if (host === undefined) {
    const names = cluster.hosts.map(({ name }) => name);
    const hint = nearest(options.host, names);
    throw new CliError(
      exitCodes.invalid,
      'UNKNOWN_HOST',
      `"${options.host}" is no host of the cluster ${cluster.name}: expected one of ${names.join(', ')}${hint === null ? '' : `; did you mean "${hint}"?`}`,
    );
  }
  const authority = loadAuthority(options.config);
  if (authority === null) {
    throw new CliError(
      exitCodes.refused,
      'NO_AUTHORITY',
      "This host does not hold the authority's key (tls/ca.key): run this on the host that made the cluster.",
    );
  }
  const line = makeJoinLine(cluster, self, host, agent.stateDirectory, authority.certificate);
  if (options.json) printJson(io, { ok: true, ...line });
  else {
    io.stdout(
      `on ${line.host}, once, within 24 hours:\n  ${line.command}\n\nWith --renew where ${line.host} has joined already and gets a new certificate. A witness of several clusters takes\n\`understudy witness add\` in place of \`understudy join\`, without it.\n`,
    );
  }
  return exitCodes.ok;
}
