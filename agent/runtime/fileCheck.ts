/** What only this host knows of a version of the files: what runs here, its directories, its interfaces. */
import { statSync } from 'node:fs';
import { clusterChanges, moduleChanges } from '../../schemas/changeEffect.ts';
import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { kindOfFile, parseDocument, place } from '../../schemas/document.ts';
import type { PathSegment } from '../../schemas/jsonText.ts';
import type { LinkFileProblem } from '../../schemas/generated/link.ts';
import type { Configuration } from '../config/configuration.ts';
import type { FileVersion, Files } from '../config/versions.ts';
import { readInterfaces } from '../addresses/ipTool.ts';
import { interfaceOf } from '../addresses/plan.ts';
import { EtcdFiles } from '../security/etcdFiles.ts';
import { checkArbiters, isOtherArbiter } from './arbiterCheck.ts';
import { virtualAddress } from './openModule.ts';

/** What is asked of a module's slot. */
interface Running {
  readonly module: ResolvedModule;
  readonly isOurs: boolean;
  readonly isStopped: boolean;
  readonly arbiterHindrance: string | null;
}

/** What this host knows besides the files. */
export interface Surroundings {
  readonly slots: readonly Running[];
  /** Networks on which a host is connected with this one. */
  readonly heardOn: (host: string) => readonly string[];
  /** The versions that are kept, the newest first. */
  readonly versions: () => readonly FileVersion[];
}

/**
 * Why this host cannot run by `next` instead of by what its slots hold now.
 * @param isDecided other hosts run by it already: what only helps to get it to all of them does not count any more
 */
export async function checkHere(
  now: Configuration,
  next: Configuration,
  { slots, heardOn, versions }: Surroundings,
  isDecided: boolean,
): Promise<LinkFileProblem[]> {
  const problems: LinkFileProblem[] = [];
  const host = next.self.name;
  for (const module of next.modules.filter(({ hosts }) => hosts.includes(host))) {
    const before = now.modules.find(({ name }) => name === module.name);
    const isOther = !before || moduleChanges(before, module, next.cluster.arbiter).length > 0;
    if (isOther) problems.push(...checkDirectories(before?.hosts.includes(host) ? before : null, next, module));
    problems.push(...(await checkAddresses(isOther ? null : now, next, module)));
  }
  if (!isDecided) {
    problems.push(...checkReach(now, next, heardOn));
    for (const { module, message } of checkArbiters(now, next, slots, versions)) {
      problems.push(at(next.files, fileOf(next.files, module), ['hosts'], message));
    }
  }
  // What may change at any moment is looked at last.
  return [...checkRunning(now, next, slots), ...checkCluster(now.cluster, next.cluster, slots), ...problems];
}

function checkRunning(now: Configuration, next: Configuration, slots: readonly Running[]): LinkFileProblem[] {
  const host = now.self.name;
  return slots.flatMap(({ module, isOurs, isStopped }): LinkFileProblem[] => {
    if (!isOurs || isStopped) return [];
    const after = next.modules.find(({ name }) => name === module.name);
    const stopFirst = `stop it first (\`understudy stop ${module.name}\`)`;
    if (!after) {
      return [
        wholeFile(
          fileOf(now.files, module.name),
          `${module.name} is not stopped on ${host}: ${stopFirst}, then remove it`,
        ),
      ];
    }
    const file = fileOf(next.files, module.name);
    return moduleChanges(module, after, next.cluster.arbiter)
      .filter(({ effect }) => effect === 'stop')
      .map(({ key }) =>
        at(
          next.files,
          file,
          // What stands behind it is for people.
          key.replace(/ .*/, '').split('.'),
          `${key} of ${module.name} cannot change while it runs, and it is not stopped on ${host}: ${stopFirst}, apply, and start it again`,
        ),
      );
  });
}

function checkCluster(before: ResolvedCluster, after: ResolvedCluster, slots: readonly Running[]): LinkFileProblem[] {
  const running = slots.filter(({ isOurs, isStopped }) => isOurs && !isStopped).map(({ module }) => module.name);
  const problems = isOtherArbiter(before, after) ? checkArbiter(after, slots) : [];
  for (const { key, effect } of clusterChanges(before, after)) {
    if (key.startsWith('arbiter')) continue;
    if (effect === 'stop') {
      problems.push(
        wholeFile(
          null,
          `the ${key} of a cluster cannot be changed, as it is part of every host\u2019s certificate: make a new cluster with \`understudy init\``,
        ),
      );
    } else if (effect === 'agentRestart' && running.length > 0) {
      problems.push(
        wholeFile(
          null,
          `${key} of the cluster can only change while no module runs, as the agents have to be restarted for it, all at once: stop ${running.join(', ')} first`,
        ),
      );
    }
  }
  return problems;
}

/** A host that listens on new addresses only, before another one knows them, is never heard by it again: so they hear each other on one that stays. */
function checkReach(
  { cluster: before, self }: Configuration,
  { cluster: after }: Configuration,
  heardOn: Surroundings['heardOn'],
): LinkFileProblem[] {
  const host = self.name;
  const stay = before.hosts.filter(({ name }) => name !== host && after.hosts.some((each) => each.name === name));
  return stay.flatMap(({ name: other }) => {
    const [own, its] = [keptAddresses(before, after, host), keptAddresses(before, after, other)];
    const kept = own.filter((network) => its.includes(network));
    const shared = networksOf(before, host).filter((network) => networksOf(before, other).includes(network));
    const heard = heardOn(other);
    if (kept.length === shared.length || kept.some((network) => heard.length === 0 || heard.includes(network))) {
      return [];
    }
    const down = kept.length === 0 ? '' : ` (on ${kept.join(', ')}, which would stay, they do not hear each other now)`;
    const message = `every address over which ${host} and ${other} hear each other changes at once${down}: change one network, apply, then the other; where there is only one, add the new addresses as a second network, apply, and then remove the first`;
    return [wholeFile(null, message)];
  });
}

function networksOf({ hosts }: ResolvedCluster, host: string): string[] {
  return (hosts.find(({ name }) => name === host)?.addresses ?? []).map(({ network }) => network);
}

/** Two hosts that decide by different arbiters could both start a server: so no module may run, or be in doubt, while it changes. */
function checkArbiter({ arbiter }: ResolvedCluster, slots: readonly Running[]): LinkFileProblem[] {
  const problems = slots.flatMap(({ arbiterHindrance }) =>
    arbiterHindrance === null
      ? []
      : [wholeFile(null, `the arbiter can only change while all modules are stopped and in sync: ${arbiterHindrance}`)],
  );
  if (arbiter.kind !== 'etcd') return problems;
  try {
    new EtcdFiles(arbiter);
    return problems;
  } catch (error) {
    return [...problems, wholeFile(null, error instanceof Error ? error.message : String(error))];
  }
}

/** Networks on which the host keeps its address. */
function keptAddresses(before: ResolvedCluster, after: ResolvedCluster, host: string): string[] {
  const addresses = ({ hosts }: ResolvedCluster) => hosts.find(({ name }) => name === host)?.addresses ?? [];
  return addresses(before)
    .filter(({ network, address }) =>
      addresses(after).some((each) => each.network === network && each.address === address),
    )
    .map(({ network }) => network);
}

/**
 * A directory that the module has here already may be on a disk that does not answer, or served by a mirror that only this agent can let go on:
 * who looks at it may stand still with it.
 * @param before the module as it is on this host now; null: it has none
 */
function checkDirectories(
  before: ResolvedModule | null,
  next: Configuration,
  module: ResolvedModule,
): LinkFileProblem[] {
  return module.mirror.directories.flatMap((directory, index) => {
    if (before?.mirror.directories.includes(directory)) return [];
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return [];
    const message = `the directory ${directory} does not exist on ${next.self.name}: make it, or mount its disk, first`;
    return [at(next.files, fileOf(next.files, module.name), ['mirror', 'directories', index], message)];
  });
}

/** @param before what the module, which stays as it is, goes by now: what means the same by both was checked when that was applied */
async function checkAddresses(
  before: Configuration | null,
  next: Configuration,
  module: ResolvedModule,
): Promise<LinkFileProblem[]> {
  const placed = module.virtualAddresses.map((each) => virtualAddress(next, each));
  const isSame = module.virtualAddresses.map(
    (each, index) => before !== null && JSON.stringify(virtualAddress(before, each)) === JSON.stringify(placed[index]),
  );
  if (isSame.every(Boolean)) return [];
  const interfaces = await readInterfaces();
  return placed.flatMap((each, index) => {
    if (isSame[index]) return [];
    try {
      interfaceOf(each, next.self.name, interfaces);
      return [];
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return [at(next.files, fileOf(next.files, module.name), ['virtualAddresses', index], message)];
    }
  });
}

/** The file of a module; null: nobody knows. */
function fileOf(files: Files, module: string): string | null {
  const named = Object.entries(files).find(
    ([name, text]) => kindOfFile(name) === 'module' && parseDocument('module', text, name).value?.name === module,
  );
  return named?.[0] ?? null;
}

function at(files: Files, file: string | null, path: readonly PathSegment[], message: string): LinkFileProblem {
  const text = file === null ? undefined : files[file];
  if (file === null || text === undefined) return wholeFile(file, message);
  const document = parseDocument('module', text, file);
  if (document.root === null) return wholeFile(file, message);
  const { line, column } = place({ ...document, root: document.root }, { code: 'bad-value', message, path });
  return { file, line, column, severity: 'error', message };
}

export function wholeFile(file: string | null, message: string): LinkFileProblem {
  return { file, line: 1, column: 1, severity: 'error', message };
}
