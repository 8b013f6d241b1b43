import { recordedModules } from '../arbiter/recordFolder.ts';
import { loadWitnessCluster } from '../witness/witnessCluster.ts';
import { endsSoon } from '../security/certificateEnd.ts';
import type { HeardHost } from '../witness/servedCluster.ts';
import type { WitnessFolder } from '../witness/witnessFolder.ts';
import type { ClusterState } from '../witness/witnessProcess.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { renderTable, type Cell } from './table.ts';

/** A cluster of a witness, by its folder and, if it runs, by what it says. */
export interface WitnessedCluster {
  readonly name: string;
  /** This host's name there; null: its files cannot be read. */
  readonly host: string | null;
  readonly problem: string | null;
  readonly hosts: readonly HeardHost[];
  /** Those that have a record. */
  readonly modules: readonly string[];
  readonly bytes: number;
  /** Of the certificate, ISO 8601. */
  readonly expires: string | null;
  /** Number of the version of the cluster's files that is held here; null: not known. */
  readonly version: number | null;
}

export function describeClusters(
  folder: WitnessFolder,
  states: readonly ClusterState[] | null,
): readonly WitnessedCluster[] {
  return folder.names().map((name) => {
    const state = states?.find((each) => each.name === name);
    const modules = recordedModules(folder.recordsDirectory(name));
    const bytes = folder.bytes(name);
    try {
      const { self, others, identity, held } = loadWitnessCluster(folder, name);
      const unheard = others.map((host) => ({
        ...{ name: host.name, reachable: false, lastHeard: null, agentVersion: null },
      }));
      const hosts = state && state.problem === null ? state.hosts : unheard;
      const problem = state?.problem ?? null;
      const expires = identity.expires.toISOString();
      return { name, host: self.name, problem, hosts, modules, bytes, expires, version: held?.number ?? null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { name, host: null, problem, hosts: [], modules, bytes, expires: null, version: null };
    }
  });
}

export function witnessLines(clusters: readonly WitnessedCluster[], isRunning: boolean, hasColour: boolean): string {
  const notRunning = isRunning ? '' : 'The witness does not run: start it with `understudy witness run`.\n';
  if (clusters.length === 0) return `${notRunning}There are no clusters here: \`understudy witness add\` adds one.\n`;
  const head = ['CLUSTER', 'AS', 'VERSION', 'HOSTS', 'MODULES', 'DISK', 'CERTIFICATE UNTIL'].map((text): Cell => ({
    text,
    colour: 'bold',
  }));
  const rows = clusters.map(({ name, host, version, hosts, modules, bytes, expires, problem }): readonly Cell[] => [
    { text: name },
    { text: host ?? '?' },
    { text: version === null ? '?' : String(version) },
    {
      text: hosts.map(heard).join(', '),
      colour: problem !== null ? 'red' : hosts.every(({ reachable }) => reachable) ? 'green' : 'yellow',
    },
    { text: modules.join(' ') || '-' },
    { text: formatBytes(bytes) },
    {
      text: expires?.slice(0, 10) ?? '?',
      colour: expires === null || endsSoon(new Date(expires), new Date()) ? 'red' : 'none',
    },
  ]);
  const problems = clusters.flatMap(({ name, problem }) =>
    problem === null ? [] : [`${name} is not served: ${problem}\n`],
  );
  return `${notRunning}${renderTable([head, ...rows], hasColour)}${problems.join('')}`;
}

function heard({ name, reachable, lastHeard }: HeardHost): string {
  if (reachable) return `${name} now`;
  if (lastHeard === null) return `${name} not heard`;
  return `${name} ${formatSeconds((Date.now() - Date.parse(lastHeard)) / 1000)} ago`;
}
