/** What only this host knows of a version of the files: what runs here, its directories, its interfaces. */
import { statSync } from 'node:fs';
import { clusterChanges, moduleChanges } from '../../schemas/changeEffect.ts';
import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { kindOfFile, parseDocument, place } from '../../schemas/document.ts';
import type { PathSegment } from '../../schemas/jsonText.ts';
import type { LinkFileProblem } from '../../schemas/generated/link.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Files } from '../config/versions.ts';
import { readInterfaces } from '../addresses/ipTool.ts';
import { interfaceOf } from '../addresses/plan.ts';
import { EtcdFiles } from '../security/etcdFiles.ts';
import { virtualAddress } from './openModule.ts';

/** What is asked of a module's slot. */
interface Running {
  readonly module: ResolvedModule;
  readonly isOurs: boolean;
  readonly isStopped: boolean;
  readonly arbiterHindrance: string | null;
}

/** Why this host cannot run by `next` instead of by what its slots hold now. */
export async function checkHere(
  now: Configuration,
  next: Configuration,
  slots: readonly Running[],
): Promise<LinkFileProblem[]> {
  const problems = [
    ...checkRunning(now, next, slots),
    ...checkCluster(now.cluster, next.cluster, now.self.name, slots),
  ];
  const host = next.self.name;
  for (const module of next.modules.filter(({ hosts }) => hosts.includes(host))) {
    const before = now.modules.find(({ name }) => name === module.name);
    const isOther = !before || moduleChanges(before, module).length > 0;
    if (isOther) problems.push(...checkDirectories(next, module));
    problems.push(...(await checkAddresses(isOther ? null : now, next, module)));
  }
  return problems;
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
    return moduleChanges(module, after)
      .filter(({ effect }) => effect === 'stop')
      .map(({ key }) =>
        at(
          next.files,
          file,
          key.split('.'),
          `${key} of ${module.name} cannot change while it runs, and it is not stopped on ${host}: ${stopFirst}, apply, and start it again`,
        ),
      );
  });
}

function checkCluster(
  before: ResolvedCluster,
  after: ResolvedCluster,
  host: string,
  slots: readonly Running[],
): LinkFileProblem[] {
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
  if (running.length === 0) return problems;
  for (const other of before.hosts.filter(({ name }) => name !== host)) {
    const [own, its] = [keptAddresses(before, after, host), keptAddresses(before, after, other.name)];
    const isLeft = !after.hosts.some(({ name }) => name === other.name);
    if (isLeft || own.some((network) => its.includes(network))) continue;
    problems.push(
      wholeFile(
        null,
        `every address over which ${host} and ${other.name} hear each other changes at once, while ${running.join(', ')} run: change one network, apply, then the other`,
      ),
    );
  }
  return problems;
}

export function isOtherArbiter(before: ResolvedCluster, after: ResolvedCluster): boolean {
  return JSON.stringify(before.arbiter) !== JSON.stringify(after.arbiter);
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

function checkDirectories(next: Configuration, module: ResolvedModule): LinkFileProblem[] {
  return module.mirror.directories.flatMap((directory, index) => {
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
