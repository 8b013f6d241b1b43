import { readdirSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster, witnessesOf, type ResolvedCluster, type ResolvedHost } from '../../schemas/defaults.ts';
import { formatDiagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import { commonName } from '../security/certificates.ts';
import { identityFiles, loadIdentity, type Identity } from '../security/identity.ts';
import type { WitnessFolder } from './witnessFolder.ts';

/** Connections to a cluster's hosts cost memory: one for each of their addresses on a network that the witness is on. */
const mostPaths = 64;
/** Bytes; together with the records it keeps all of the witness's state below 20 MiB. */
const longestClusterFile = 16 << 10;

/** What a witness has to know of a cluster. */
export interface WitnessCluster {
  /** Its name here, which may be another one than it gives itself. */
  readonly name: string;
  readonly cluster: ResolvedCluster;
  /** This host in the cluster. */
  readonly self: ResolvedHost;
  readonly others: readonly ResolvedHost[];
  readonly identity: Identity;
}

/** Why this host is no witness of a cluster, or not one that can be served; null: it is one. */
export function whyNoWitness(cluster: ResolvedCluster, host: string, text: string): string | null {
  const self = cluster.hosts.find(({ name }) => name === host);
  if (!self || !witnessesOf(cluster).includes(host)) {
    const witnesses = witnessesOf(cluster).join(', ') || 'none';
    return `${host} is no witness of the cluster ${cluster.name}: the arbiter in its file has to name it (witnesses there: ${witnesses})`;
  }
  if (Buffer.byteLength(text) > longestClusterFile) {
    return `the file of the cluster ${cluster.name} is longer than ${String(longestClusterFile >> 10)} KiB`;
  }
  const networks = new Set(self.addresses.map(({ network }) => network));
  const paths = cluster.hosts.flatMap(({ name, addresses }) =>
    name === host ? [] : addresses.filter(({ network }) => networks.has(network)),
  );
  if (paths.length > mostPaths) {
    return `${host} would have ${String(paths.length)} connections to the hosts of the cluster ${cluster.name}, at most ${String(mostPaths)} are served: give ${host} an address on fewer networks`;
  }
  return null;
}

/** Reads what `understudy witness add` has put there. @throws Error that says what to do */
export function loadWitnessCluster(folder: WitnessFolder, name: string): WitnessCluster {
  const directory = folder.clusterDirectory(name);
  const file = readdirSync(directory).find((each) => kindOfFile(each) === 'cluster');
  if (file === undefined) throw new Error(`${directory} has no cluster file: add the cluster again`);
  const text = readFileSync(join(directory, file), 'utf8');
  const document = parseDocument('cluster', text, join(directory, file));
  const [error] = [...document.diagnostics, ...crossChecks([document])].filter(({ severity }) => severity === 'error');
  if (error) throw new Error(formatDiagnostic(error));
  if (document.value === null) throw new Error(`${join(directory, file)} cannot be read: add the cluster again`);
  const cluster = resolveCluster(document.value);
  const host = commonName(new X509Certificate(readFileSync(identityFiles(directory).certificate))) ?? '';
  const why = whyNoWitness(cluster, host, text);
  const self = cluster.hosts.find((each) => each.name === host);
  if (why !== null || !self) throw new Error(why ?? `${host} is no host of ${file}`);
  const others = cluster.hosts.filter((each) => each !== self);
  const identity = loadIdentity(directory, host, new Date(), 'understudy witness add');
  return { name, cluster, self, others, identity };
}
