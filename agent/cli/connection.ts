import { X509Certificate } from 'node:crypto';
import type { Command } from 'commander';
import { apiMethods } from '../../schemas/apiMethods.ts';
import type { ApiMethod, ApiMethods } from '../../schemas/apiMethods.ts';
import { isLoopback, parseIpAddress } from '../../schemas/ipAddress.ts';
import { ApiClient } from '../api/client.ts';
import type { ApiClientEvents, ApiClientOptions } from '../api/client.ts';
import { defaultConfigDirectory, listenAddresses } from '../config/configuration.ts';
import { readIfExists } from '../platform/durable.ts';
import { localTokenFile } from '../security/clientTokens.ts';
import { identityFiles } from '../security/identity.ts';
import { readSecret } from '../security/secretFile.ts';
import { SecurityError } from '../security/securityError.ts';
import { agentVersion } from '../version.ts';
import { CliError, exitCodes } from './exitCodes.ts';
import type { Io } from './io.ts';
import { requireConfiguration } from './requireConfiguration.ts';

export const defaultApiPort = 4810;

export interface ConnectionOptions {
  readonly config: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly timeout: string;
}

/** Adds the options that say which agent to talk to. */
export function withConnectionOptions(command: Command, timeoutSeconds = '300'): Command {
  return command
    .option('--config <directory>', 'folder of the local agent', defaultConfigDirectory)
    .option('--server <address>', 'another agent, ADDRESS or ADDRESS:PORT')
    .option('--token-file <file>', 'file with the token for --server (or UNDERSTUDY_TOKEN in the environment)')
    .option('--ca <file>', "certificate of the cluster's authority for --server (default: tls/ca.crt of --config)")
    .option('--timeout <seconds>', 'how long to wait for the agent', timeoutSeconds);
}

/** `10.77.0.1`, `10.77.0.1:4810`, `alpha:4810`, `[fd00::1]:4810`, `fd00::1`. */
export function parseServer(text: string): { readonly host: string; readonly port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = parseIpAddress(text)?.version === 6 ? null : /^([^:\s]+)(?::(\d+))?$/.exec(text);
  const host = bracketed?.[1] ?? plain?.[1] ?? (parseIpAddress(text) === null ? undefined : text);
  const port = Number(bracketed?.[2] ?? plain?.[2] ?? defaultApiPort);
  if (host === undefined || port < 1 || port > 65535) {
    throw new CliError(
      exitCodes.usage,
      'BAD_ADDRESS',
      `"${text}" is no address of an agent: expected ADDRESS or ADDRESS:PORT, such as 10.77.0.1:4810.`,
    );
  }
  return { host, port };
}

/** Connects to the agent that the options name: the local one unless `--server` says otherwise. */
export async function connectAgent(
  options: ConnectionOptions,
  io: Io,
  events: ApiClientEvents = {},
): Promise<ApiClient> {
  const target = options.server === undefined ? await localTarget(options) : remoteTarget(options.server, options, io);
  return ApiClient.connect({ ...target, client: `understudy command line ${agentVersion}` }, events);
}

type Target = Pick<ApiClientOptions, 'host' | 'port' | 'token' | 'authority'>;

async function localTarget(options: ConnectionOptions): Promise<Target> {
  const configuration = await requireConfiguration(options.config);
  const { agent, cluster } = configuration;
  const addresses = listenAddresses(configuration);
  const host =
    addresses.find((address) => isLoopback(parseIpAddress(address) ?? { version: 4, canonical: '' })) ??
    addresses[0] ??
    '127.0.0.1';
  let token: string;
  try {
    token = readSecret(localTokenFile(agent.stateDirectory)).trim();
  } catch (error) {
    if (!(error instanceof SecurityError) || error.code !== 'SECRET_MISSING') throw error;
    throw new CliError(
      exitCodes.unreachable,
      'UNREACHABLE',
      `The agent of ${agent.host} has never run here (${localTokenFile(agent.stateDirectory)} is missing): start it with \`understudy agent\`, or name another one with --server.`,
    );
  }
  const authority = agent.api.tls ? readAuthority(identityFiles(options.config).authorityCertificate) : null;
  return { host, port: cluster.ports.api, token, authority };
}

function remoteTarget(server: string, options: ConnectionOptions, io: Io): Target {
  const { host, port } = parseServer(server);
  const fromEnvironment = io.environment['UNDERSTUDY_TOKEN'];
  if (options.tokenFile === undefined && fromEnvironment === undefined) {
    throw new CliError(
      exitCodes.usage,
      'NO_TOKEN',
      `--server needs a token: give --token-file FILE. On that host \`understudy token create --name NAME --role operator\` makes one.`,
    );
  }
  const token = (options.tokenFile === undefined ? fromEnvironment : readSecret(options.tokenFile))?.trim() ?? '';
  if (!/^[\w-]{1,256}$/.test(token)) {
    throw new CliError(
      exitCodes.invalid,
      'BAD_TOKEN',
      `${options.tokenFile ?? 'UNDERSTUDY_TOKEN'} holds no token: expected one line as \`understudy token create\` prints it.`,
    );
  }
  return {
    host,
    port,
    token,
    authority: readAuthority(options.ca ?? identityFiles(options.config).authorityCertificate),
  };
}

function readAuthority(file: string): string {
  const content = readIfExists(file)?.toString('utf8');
  if (content === undefined) {
    throw new CliError(
      exitCodes.usage,
      'NO_AUTHORITY',
      `${file} does not exist: give the certificate of the cluster's authority with --ca FILE (tls/ca.crt of any host).`,
    );
  }
  try {
    new X509Certificate(content);
  } catch {
    throw new CliError(
      exitCodes.invalid,
      'BAD_AUTHORITY',
      `${file} is no certificate: give tls/ca.crt of any host of the cluster.`,
    );
  }
  return content;
}

/** Connects, calls one method, and closes. */
export async function callAgent<Method extends ApiMethod>(
  method: Method,
  params: ApiMethods[Method]['params'],
  options: ConnectionOptions,
  io: Io,
): Promise<ApiMethods[Method]['result']> {
  if (!apiMethods[method].params(params)) {
    throw new CliError(exitCodes.usage, 'BAD_REQUEST', 'A name that was given is no name of a module or host.');
  }
  const limit = timeoutMs(options);
  const client = await connectAgent(options, io);
  let interrupt: () => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    interrupt = () =>
      reject(
        new CliError(exitCodes.interrupted, 'INTERRUPTED', 'Interrupted; the agent goes on with what it was asked.'),
      );
  });
  io.signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await Promise.race([client.call(method, params, limit), interrupted]);
  } finally {
    io.signal.removeEventListener('abort', interrupt);
    client.close();
  }
}

export function timeoutMs(options: ConnectionOptions): number {
  const seconds = Number(options.timeout);
  if (!(seconds > 0) || seconds > 86_400) {
    throw new CliError(
      exitCodes.usage,
      'BAD_TIMEOUT',
      `--timeout ${options.timeout}: expected seconds, more than 0 and at most 86400.`,
    );
  }
  return seconds * 1000;
}
