/** What a changed file means for a module that runs: which keys take effect at once, and which need a start, or a stop. */
import type { ResolvedCluster, ResolvedModule } from './defaults.ts';
import type { ChangeEffect } from './generated/api.ts';

export interface KeyEffect {
  /** As in the file, such as `failover.detection`. */
  readonly key: string;
  readonly effect: ChangeEffect;
}

/** By the longest part of the path that is here. What is not, such as a key that is new, needs a stop: nothing is assumed of it. */
export const moduleEffects: Readonly<Record<string, ChangeEffect>> = {
  name: 'stop',
  hosts: 'stop',
  mirror: 'stop',
  'mirror.acknowledgeTimeoutMs': 'now',
  'mirror.processors': 'now',
  // Of a file that is open it stays as it is, and the server has its disks open.
  'mirror.directIo': 'serverStart',
  'mirror.onDiskError': 'now',
  server: 'serverStart',
  'server.kind': 'stop',
  'server.shutdownTimeoutMs': 'now',
  'server.timeoutMs': 'now',
  'server.stop': 'now',
  virtualAddresses: 'now',
  hooks: 'now',
  failover: 'now',
  'resync.undo': 'now',
  'resync.bandwidth': 'now',
  verify: 'now',
  checks: 'now',
  needs: 'now',
  priority: 'now',
  dependsOn: 'now',
  dependencyTimeoutMs: 'now',
  antiAffinity: 'now',
};

export const clusterEffects: Readonly<Record<string, ChangeEffect>> = {
  networks: 'now',
  hosts: 'now',
  heartbeatMs: 'now',
  fence: 'now',
  capacity: 'now',
  ports: 'agentRestart',
  arbiter: 'stop',
  name: 'stop',
};

/**
 * @param arbiter In the moment in which the order of the hosts changes each may take itself for the preferred one. Only an arbiter lets but one of
 *   them start then.
 * @returns the keys that differ, in the order of the file's sections
 */
export function moduleChanges(
  before: ResolvedModule,
  after: ResolvedModule,
  arbiter: Pick<ResolvedCluster['arbiter'], 'kind'>,
): readonly KeyEffect[] {
  const isSamePair = before.hosts.every((host) => after.hosts.includes(host));
  const changes = differences(before, after, '')
    // Nothing but the first one of the directories.
    .filter((path) => path !== 'mirror.directory')
    .map((path): KeyEffect =>
      path === 'hosts' && isSamePair
        ? { key: 'hosts (their order)', effect: arbiter.kind === 'none' ? 'stop' : 'now' }
        : { key: keyOf(path), effect: effectOf(moduleEffects, path) },
    );
  if (usesGuestAgent(before) !== usesGuestAgent(after)) {
    // A virtual machine that runs gets no channel to an agent in it any more.
    changes.push({ key: `checks (the ${usesGuestAgent(after) ? 'first' : 'last'} guestAgent check)`, effect: 'stop' });
  }
  return changes;
}

export function clusterChanges(before: ResolvedCluster, after: ResolvedCluster): readonly KeyEffect[] {
  return differences(before, after, '').map((path) => ({ key: keyOf(path), effect: effectOf(clusterEffects, path) }));
}

export function usesGuestAgent({ checks }: Pick<ResolvedModule, 'checks'>): boolean {
  return checks.some(({ target }) => target.kind === 'guestAgent');
}

export function effectOf(effects: Readonly<Record<string, ChangeEffect>>, path: string): ChangeEffect {
  for (let part = path; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
    const effect = effects[part];
    if (effect !== undefined) return effect;
  }
  return 'stop';
}

function differences(old: unknown, changed: unknown, path: string): string[] {
  const [before, after] = [plainOf(old), plainOf(changed)];
  if (!isSection(before) || !isSection(after)) return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
}

/** Entries of a map by their names are a section like any other. */
function plainOf(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The unit is part of the resolved name only. */
function keyOf(path: string): string {
  return path.replace(/(Ms|Bytes)$/, '').replace(/^server\.kind$/, 'server');
}
