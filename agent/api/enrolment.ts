import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindOfFile } from '../../schemas/document.ts';
import { nearest } from '../../schemas/nearest.ts';
import type { NamedFile } from '../../schemas/generated/api.ts';
import type { Configuration } from '../config/configuration.ts';
import { signRequest } from '../security/certificates.ts';
import { ClientTokens } from '../security/clientTokens.ts';
import { loadAuthority } from '../security/identity.ts';
import { JoinTokens } from '../security/joinTokens.ts';
import { SecurityError } from '../security/securityError.ts';
import type { Enrol } from './plainHttp.ts';

/** The function behind POST /enrol; null on hosts that do not hold the authority's key. */
export function createEnrol(configuration: Configuration): Enrol | null {
  if (loadAuthority(configuration.directory) === null) return null;
  const { cluster, agent } = configuration;
  const joinTokens = new JoinTokens(agent.stateDirectory);
  const clientTokens = new ClientTokens(agent.stateDirectory);
  return async ({ host, secret, request }) => {
    const known = cluster.hosts.find(({ name }) => name === host);
    if (known === undefined) {
      const names = cluster.hosts.map(({ name }) => name);
      const hint = nearest(host, names);
      throw new SecurityError(
        'TOKEN_OTHER_HOST',
        `${host} is no host of the cluster ${cluster.name}: expected one of ${names.join(', ')}${hint === null ? '' : `; did you mean "${hint}"?`}`,
      );
    }
    // The key is read when it is needed and not kept.
    const authority = loadAuthority(configuration.directory);
    if (authority === null)
      {throw new SecurityError('SECRET_MISSING', "The authority's key is no longer on this host: restore tls/ca.key.");}
    // A request that cannot be signed must not cost the token; a certificate must not leave before the token is used up.
    const certificate = await signRequest(authority, request, {
      host,
      addresses: known.addresses.map(({ address }) => address),
    });
    const files = clusterFiles(configuration.directory);
    joinTokens.consume(secret, host);
    return { certificate, authority: authority.certificate, ...files, tokens: [...clientTokens.list()] };
  };
}

function clusterFiles(directory: string): { readonly cluster: NamedFile; readonly modules: NamedFile[] } {
  const read = (folder: string, name: string): NamedFile => ({ name, text: readFileSync(join(folder, name), 'utf8') });
  const cluster = readdirSync(directory).find((name) => kindOfFile(name) === 'cluster');
  if (cluster === undefined) throw new Error(`There is no cluster file in ${directory} any more.`);
  const folder = join(directory, 'modules');
  let modules: string[] = [];
  try {
    modules = readdirSync(folder)
      .filter((name) => kindOfFile(name) === 'module')
      .sort();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return { cluster: read(directory, cluster), modules: modules.map((name) => read(folder, name)) };
}
