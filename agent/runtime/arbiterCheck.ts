/**
 * What a version of the files means for the question who decides over a module. Two hosts that decide by different arbiters could both start a
 * server, and a new arbiter knows nothing of which replica is the right one: so a module's arbiter changes only while it is stopped with both
 * replicas in sync. With several witnesses, another pair may have another one.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { moduleChanges } from '../../schemas/changeEffect.ts';
import { resolveCluster, resolveModule, witnessOf } from '../../schemas/defaults.ts';
import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import type { Configuration } from '../config/configuration.ts';
import type { FileVersion, Files } from '../config/versions.ts';

/** What of a version of the files decides over a module. */
interface Deciding {
  readonly cluster: ResolvedCluster;
  readonly module: ResolvedModule;
}

export interface HeldModule {
  readonly module: ResolvedModule;
  readonly isOurs: boolean;
  readonly arbiterHindrance: string | null;
}

export interface ArbiterProblem {
  readonly module: string;
  readonly message: string;
}

export function isOtherArbiter(before: ResolvedCluster, after: ResolvedCluster): boolean {
  return JSON.stringify(before.arbiter) !== JSON.stringify(after.arbiter);
}

function decidesOther(before: Deciding, after: Deciding): boolean {
  return isOtherArbiter(before.cluster, after.cluster) || keeperOf(before) !== keeperOf(after);
}

/** Who keeps the record of a module: without an arbiter, its hosts themselves. */
function keeperOf({ cluster, module }: Deciding): string {
  switch (cluster.arbiter.kind) {
    case 'etcd':
      return 'etcd';
    case 'witness':
      return witnessOf(cluster, module.hosts) ?? '';
    case 'none':
      return [...module.hosts].sort().join(' and ');
  }
}

/**
 * The modules of this host that stay closed from when it agrees to that version until it knows whether it is applied: what changes of them must
 * not change while they run, on no host. Null: all of them, as their arbiter changes.
 */
export function modulesAtRest(now: Configuration, next: Configuration): readonly string[] | null {
  if (isOtherArbiter(now.cluster, next.cluster)) return null;
  const self = now.self.name;
  return now.modules
    .filter(({ hosts }) => hosts.includes(self))
    .filter((module) => {
      const after = next.modules.find(({ name }) => name === module.name);
      return !after || moduleChanges(module, after, next.cluster.arbiter).some(({ effect }) => effect === 'stop');
    })
    .map(({ name }) => name);
}

/** @param versions those that are kept, the newest first */
export function checkArbiters(
  now: Configuration,
  next: Configuration,
  slots: readonly HeldModule[],
  versions: () => readonly FileVersion[],
): ArbiterProblem[] {
  return next.modules.flatMap((module): ArbiterProblem[] => {
    const after = { cluster: next.cluster, module };
    const before = now.modules.find(({ name }) => name === module.name);
    const problems = before
      ? checkChanged({ cluster: now.cluster, module: before }, after, now, slots)
      : checkAdded(after, now, next, slots, versions);
    return problems.map((message) => ({ module: module.name, message }));
  });
}

function checkChanged(
  before: Deciding,
  after: Deciding,
  now: Configuration,
  slots: readonly HeldModule[],
): readonly string[] {
  if (!decidesOther(before, after)) return [];
  const { name } = after.module;
  const leave = before.module.hosts.filter((host) => !after.cluster.hosts.some((each) => each.name === host));
  // Two hosts have no third vote to ask: who replaces one of them has decided that it will not come back.
  if (leave.length > 0 && before.cluster.arbiter.kind === 'none' && after.cluster.arbiter.kind === 'none') return [];
  const problems = leave.map(
    (host) =>
      `${host} cannot leave the cluster by the same version by which ${name} gets another arbiter, as it has to say first that its replica is in sync: apply the one, then the other`,
  );
  const hindrance = slots.find(({ module, isOurs }) => isOurs && module.name === name)?.arbiterHindrance ?? null;
  // Of another arbiter for all modules it is told already.
  if (hindrance !== null && !isOtherArbiter(before.cluster, after.cluster)) {
    problems.push(
      `with ${pairOf(after)} instead of ${pairOf(before)}, the record of who holds the newest data of ${name} would be kept by ${keeperOf(after)} instead of ${keeperOf(before)}, and begin anew; that needs both replicas to be in sync: ${hindrance}`,
    );
  }
  const isNew = after.module.hosts.includes(now.self.name) && !before.module.hosts.includes(now.self.name);
  const record = recordOf(now, name);
  // The new witness may still hold a record of the time when this host was of the pair, and promote it.
  if (isNew && hasFile(record)) {
    problems.push(
      `${now.self.name} still holds an old replica of ${name}, which could be taken for the newest one: move ${record} away, and the replica is copied in full`,
    );
  }
  return problems;
}

function checkAdded(
  after: Deciding,
  now: Configuration,
  next: Configuration,
  slots: readonly HeldModule[],
  versions: () => readonly FileVersion[],
): readonly string[] {
  const { name, hosts, mirror } = after.module;
  if (!hosts.includes(now.self.name)) return [];
  // A module by another name begins anew, with whichever replica comes first.
  const problems = slots
    .filter(({ module, isOurs }) => isOurs && !next.modules.some((each) => each.name === module.name))
    .filter(({ module }) => module.mirror.directories.some((each) => mirror.directories.includes(each)))
    .flatMap(({ module, arbiterHindrance }) =>
      arbiterHindrance === null
        ? []
        : [
            `${name} would take the directories of ${module.name} over, and of two different replicas it would not know which is the right one: ${arbiterHindrance}`,
          ],
    );
  if (!hasFile(recordOf(now, name))) return problems;
  const found = lastOf(name, versions());
  if (found === null) {
    return [
      ...problems,
      `${now.self.name} holds a replica of an earlier module ${name}, and it is not known any more which hosts and which arbiter that had: give the module another name, by which it begins anew`,
    ];
  }
  const { number, ...before } = found;
  if (samePair(before, after) && !decidesOther(before, after)) return problems;
  return [
    ...problems,
    `${now.self.name} holds a replica of ${name} from version ${String(number)} of the files, in which it had ${samePair(before, after) ? 'another arbiter' : `the hosts ${pairOf(before)}`}: apply its file with these first, so that it is known which replica is the right one, and change it then; or give the module another name, by which it begins anew`,
  ];
}

function lastOf(name: string, versions: readonly FileVersion[]): (Deciding & { readonly number: number }) | null {
  for (const { number, files } of versions) {
    const cluster = valueOf(files, 'cluster');
    const module = Object.entries(files)
      .filter(([file]) => kindOfFile(file) === 'module')
      .map(([file, text]) => parseDocument('module', text, file).value)
      .find((each) => each?.name === name);
    if (cluster && module) return { number, cluster: resolveCluster(cluster), module: resolveModule(module) };
  }
  return null;
}

function valueOf(files: Files, kind: 'cluster') {
  const found = Object.entries(files).find(([file]) => kindOfFile(file) === kind);
  return found ? parseDocument(kind, found[1], found[0]).value : null;
}

function samePair(before: Deciding, after: Deciding): boolean {
  return before.module.hosts.every((host) => after.module.hosts.includes(host));
}

function pairOf({ module }: Deciding): string {
  return module.hosts.join(' and ');
}

/** What a host knows of its replica of a module, as long as it holds one. */
function recordOf({ agent }: Configuration, module: string): string {
  return join(agent.stateDirectory, 'modules', module, 'replica.json');
}

function hasFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
