import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseAddress } from '../client/address.ts';
import type { Pin } from '../client/certificates.ts';
import { messageOf } from '../client/errors.ts';
import type { ClusterProfile } from './profile.ts';

/** Environment variable that names a JSON file with one cluster, or a list of clusters, in the form of the setting. */
export const clusterFileVariable = 'UNDERSTUDY_CLUSTER_FILE';

/** A cluster as it stands in the setting `understudy.clusters` or in the file named by the environment. */
export interface ConfiguredCluster {
  readonly name?: unknown;
  readonly addresses?: unknown;
  readonly caFile?: unknown;
  /** The authority's certificate itself, PEM. */
  readonly ca?: unknown;
  readonly fingerprint?: unknown;
  readonly tokenFile?: unknown;
}

/**
 * Reads the clusters of the file that {@link clusterFileVariable} names; none when it names none.
 * Relative paths in it start from its own folder.
 */
export async function profilesFromEnvironment(environment: NodeJS.ProcessEnv): Promise<ClusterProfile[]> {
  const file = environment[clusterFileVariable];
  if (file === undefined || file === '') return [];
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    const list: unknown[] = Array.isArray(content) ? content : [content];
    return apart(await Promise.all(list.map((entry) => profileFrom(entry, 'environment', dirname(file)))));
  } catch (error) {
    const problem = `${clusterFileVariable} names ${file}, which cannot be read: ${messageOf(error)}`;
    return [broken('environment', file, problem)];
  }
}

/** Reads the clusters of the setting. Relative paths start from `folder`. */
export async function profilesFromSetting(value: unknown, folder: string): Promise<ClusterProfile[]> {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return apart(await Promise.all(list.map((entry) => profileFrom(entry, 'setting', folder))));
}

/** Two clusters of one name would have one token, and be one line of the tree: the later one has to get another name. */
function apart(profiles: readonly ClusterProfile[]): ClusterProfile[] {
  return profiles.map((profile, index) => {
    const { id, name, source } = profile;
    if (profiles.findIndex((other) => other.id === id) === index) return profile;
    const problem = `The name "${name}" stands twice: give each cluster a name of its own.`;
    return { ...broken(source, name, profile.problem ?? problem), id: `${source}#${index}:${name}` };
  });
}

async function profileFrom(value: unknown, source: 'setting' | 'environment', folder: string): Promise<ClusterProfile> {
  const entry = (typeof value === 'object' && value !== null ? value : {}) as ConfiguredCluster;
  const name = typeof entry.name === 'string' && entry.name !== '' ? entry.name : null;
  if (name === null) return broken(source, 'unnamed', 'A cluster needs a "name".');
  try {
    const addresses = Array.isArray(entry.addresses) ? entry.addresses.map(String) : [];
    if (addresses.length === 0) throw new Error('"addresses" needs at least one HOST or HOST:PORT.');
    for (const address of addresses) {
      const parsed = parseAddress(address);
      if (typeof parsed === 'string') throw new Error(parsed);
    }
    const tokenFile = typeof entry.tokenFile === 'string' ? resolve(folder, entry.tokenFile) : null;
    return {
      id: idOf(source, name),
      name,
      addresses,
      pin: await pinFrom(entry, folder),
      source,
      tokenFile,
      problem: null,
    };
  } catch (error) {
    return broken(source, name, messageOf(error));
  }
}

async function pinFrom(entry: ConfiguredCluster, folder: string): Promise<Pin> {
  if (typeof entry.fingerprint === 'string') {
    const bytes = entry.fingerprint.replace(/[^0-9a-fA-F]/g, '').toUpperCase();
    if (bytes.length !== 64) {
      throw new Error('"fingerprint" must be the SHA-256 of a certificate: 32 bytes in hexadecimal.');
    }
    return { kind: 'certificate', sha256: (bytes.match(/../g) ?? []).join(':') };
  }
  const pem =
    typeof entry.ca === 'string'
      ? entry.ca
      : typeof entry.caFile === 'string'
        ? await readFile(resolve(folder, entry.caFile), 'utf8')
        : null;
  if (pem === null) throw new Error('Name the authority\'s certificate with "caFile", or give a "fingerprint".');
  const certificate = new X509Certificate(pem);
  return { kind: 'authority', pem: certificate.toString(), sha256: certificate.fingerprint256 };
}

function broken(source: ClusterProfile['source'], name: string, problem: string): ClusterProfile {
  return { id: idOf(source, name), name, addresses: [], pin: null, source, tokenFile: null, problem };
}

function idOf(source: string, name: string): string {
  return `${source}:${name}`;
}
