import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster, witnessesOf, type ResolvedCluster, type ResolvedHost } from '../../schemas/defaults.ts';
import { formatDiagnostic, type Diagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import { locate, parseText, valueOf } from '../../schemas/jsonText.ts';
import { hostOf, loadIdentity, type Identity } from '../security/identity.ts';
import { readHeldVersion, type HeldVersion } from './heldVersion.ts';
import type { ClusterFile, WitnessFolder } from './witnessFolder.ts';

/** Connections to a cluster's hosts cost memory: one for each of their addresses on a network that the witness is on. */
const mostPaths = 64;
/** Bytes; together with the records it keeps all of the witness's state below 20 MiB. */
const longestClusterFile = 16 << 10;
/** How this host gets a new certificate. */
export const joinCommand = 'understudy witness add';
/** Module files that name the witness at all, together; hardly any does. */
const longestNaming = 128 << 10;

/** What follows from a cluster file for its witness. */
export interface WitnessNetwork {
  readonly cluster: ResolvedCluster;
  /** This host in the cluster. */
  readonly self: ResolvedHost;
  readonly others: readonly ResolvedHost[];
}

/** What a witness has to know of a cluster. */
export interface WitnessCluster extends WitnessNetwork {
  /** Its name here, which may be another one than it gives itself. */
  readonly name: string;
  readonly identity: Identity;
  readonly file: ClusterFile;
  /** Null: the version that the file is of is not known. */
  readonly held: HeldVersion | null;
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

/** A pair's host cannot be its witness; of the others, only those that run nothing need no agent. Null: it runs nothing. */
export function whyRunsModules(host: string, files: readonly ClusterFile[], cluster: string): string | null {
  const naming = files.filter(({ name, text }) => kindOfFile(name) === 'module' && text.includes(`"${host}"`));
  if (naming.reduce((sum, { text }) => sum + text.length, 0) > longestNaming) {
    return `the module files that name ${host} are too long to be looked through by a witness of several clusters: ${naming.map(({ name }) => name).join(', ')}`;
  }
  const own = naming.find(({ text }) => hostsOf(text).includes(host));
  if (own === undefined) return null;
  return `${host} is a host of a module of ${cluster} (${own.name}) and needs an agent: run \`understudy join\` and \`understudy agent\``;
}

/** Nothing but this is looked at: checking a file that is long and wrong everywhere can take minutes, in which other clusters would wait. */
function hostsOf(text: string): readonly unknown[] {
  const { root } = parseText(text);
  const found = root && locate(root, ['hosts']);
  const hosts = found?.isExact === true ? valueOf(found.value) : null;
  return Array.isArray(hosts) ? hosts : [];
}

/** What a cluster file says to the host that is its witness, or why that cannot serve it. */
export function readCluster(
  { name, text }: ClusterFile,
  host: string,
): { readonly network: WitnessNetwork } | { readonly why: string; readonly diagnostic: Diagnostic | null } {
  // Before anything is made of it: other clusters wait meanwhile.
  if (Buffer.byteLength(text) > longestClusterFile) {
    const why = `the cluster file ${name} is longer than ${String(longestClusterFile >> 10)} KiB, which is too much for a witness of several clusters`;
    return { why, diagnostic: null };
  }
  const document = parseDocument('cluster', text, name);
  const diagnostic = [...document.diagnostics, ...crossChecks([document])].find(({ severity }) => severity === 'error');
  if (diagnostic) return { why: diagnostic.message, diagnostic };
  if (document.value === null) return { why: `${name} cannot be read`, diagnostic: null };
  const cluster = resolveCluster(document.value);
  const self = cluster.hosts.find((each) => each.name === host);
  const why = whyNoWitness(cluster, host, text);
  if (why !== null || !self) return { why: why ?? `${host} is no host of ${name}`, diagnostic: null };
  return { network: { cluster, self, others: cluster.hosts.filter((each) => each !== self) } };
}

/** Reads what `understudy witness add` has put there, and what came after. @throws Error that says what to do */
export function loadWitnessCluster(folder: WitnessFolder, name: string): WitnessCluster {
  const directory = folder.clusterDirectory(name);
  const fileName = readdirSync(directory).find((each) => kindOfFile(each) === 'cluster');
  if (fileName === undefined) throw new Error(`${directory} has no cluster file: add the cluster again`);
  const file = { name: fileName, text: readFileSync(join(directory, fileName), 'utf8') };
  const host = hostOf(directory, joinCommand) ?? '';
  const read = readCluster(file, host);
  if ('why' in read) {
    throw new Error(read.diagnostic ? `${directory}: ${formatDiagnostic(read.diagnostic)}` : read.why);
  }
  const identity = loadIdentity(directory, host, new Date(), joinCommand);
  return { name, ...read.network, identity, file, held: readHeldVersion(directory, file.text) };
}
