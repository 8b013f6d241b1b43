import { witnessesOf, witnessOf } from '../defaults.ts';
import type { ResolvedCluster, ResolvedHost, ResolvedModule, ResolvedQemu } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import type { ModuleFile } from '../generated/module.ts';
import { nearest } from '../nearest.ts';
import { formatDuration } from '../units.ts';
import { isWithin, normalDirectory } from './directories.ts';
import { checkEtcdOfPair } from './etcdChecks.ts';
import { checkExclude } from './excludeChecks.ts';
import { checkFailback } from './failbackChecks.ts';
import { checkHooks } from './hookChecks.ts';
import { checkVirtualAddresses, checkVirtualAddressesInCluster } from './virtualAddressChecks.ts';

/** Less cannot be told from a host that is only late. */
const shortestDetectionMs = 400;

/** Problems of one valid module file that its schema cannot express. */
export function* checkModule(module: ResolvedModule): Iterable<Problem> {
  const { directories } = module.mirror;
  for (const [index, directory] of directories.entries()) {
    const path = ['mirror', 'directories', index];
    if (
      normalDirectory(directory) === '/' ||
      directory.split('/').some((segment) => segment === '.' || segment === '..')
    ) {
      const expected = 'a directory of its own, without "." and ".." in its path';
      yield {
        code: 'bad-directory',
        path,
        message: `"${directory}" cannot be mirrored: expected ${expected}`,
        expected,
      };
    }
    for (const other of directories.slice(0, index)) {
      const relation = relationOf(directory, other);
      if (relation === null) continue;
      const expected = 'directories that do not lie in one another';
      yield {
        code: 'overlapping-directories',
        path,
        message: `${directory} ${relation} ${other}, which this module mirrors already: expected ${expected}`,
        expected,
      };
    }
  }
  yield* checkExclude(module.mirror.exclude, directories);
  yield* checkFailback(module);
  yield* checkDetection(module);
  if (module.server.kind === 'qemu') yield* checkQemu(module.server, directories);
  yield* checkVirtualAddresses(module.virtualAddresses);
  yield* checkHooks(module.hooks, directories);
}

/** How one directory lies to another one that shares files with it; null when none does. */
function relationOf(directory: string, other: string): string | null {
  if (normalDirectory(directory) === normalDirectory(other)) return 'is the same as';
  if (isWithin(directory, other)) return 'lies in';
  return isWithin(other, directory) ? 'contains' : null;
}

function* checkQemu(qemu: ResolvedQemu, directories: readonly string[]): Iterable<Problem> {
  const isMirrored = (path: string): boolean => directories.some((directory) => isWithin(path, directory));
  const named = directories.join(' or ');
  const seen = new Set<string>();
  for (const [index, disk] of qemu.disks.entries()) {
    const path = ['server', 'qemu', 'disks', index, 'file'];
    const absolute = disk.file.startsWith('/')
      ? normalDirectory(disk.file)
      : normalDirectory(`${directories[0] ?? ''}/${disk.file}`);
    if (seen.has(absolute)) {
      const expected = 'a file of its own for each disk';
      yield {
        code: 'bad-disk',
        path,
        message: `"${disk.file}" is already another disk: expected ${expected}`,
        expected,
      };
    }
    seen.add(absolute);
    if (!isMirrored(absolute) || disk.file.split('/').includes('..')) {
      const expected = `a file in ${named}`;
      yield {
        code: 'not-mirrored',
        severity: 'warning',
        path,
        message: `"${disk.file}" lies outside of the mirrored directory: what is written to it is not copied to the other host`,
        expected,
      };
    }
    if (disk.aio === 'native' && disk.cache !== 'none') {
      const expected = '"cache": "none" with "aio": "native"';
      yield {
        code: 'bad-disk',
        path: ['server', 'qemu', 'disks', index, 'aio'],
        message: `QEMU refuses "native" with the cache mode "${disk.cache}": expected ${expected}`,
        expected,
      };
    }
  }
  if (qemu.serial !== null && isMirrored(qemu.serial)) {
    const expected = `a file outside of ${directories.join(' and ')}`;
    yield {
      code: 'bad-directory',
      severity: 'warning',
      path: ['server', 'qemu', 'serial'],
      message: `the console's file lies in the mirrored directory, so that every line of it is replicated: expected ${expected}`,
      expected,
    };
  }
}

/** What a module and its cluster say about each other. @param file the module as written: tells what is set and what is a default. */
export function* checkModuleInCluster(
  module: ResolvedModule,
  file: ModuleFile,
  cluster: ResolvedCluster,
): Iterable<Problem> {
  const known = cluster.hosts.map((host) => host.name);
  const pair: ResolvedHost[] = [];
  const witnesses = witnessesOf(cluster);
  for (const [index, name] of module.hosts.entries()) {
    const host = cluster.hosts.find((candidate) => candidate.name === name);
    if (host !== undefined) pair.push(host);
    const path = ['hosts', index];
    if (host === undefined) {
      const expected = `one of ${known.join(', ')}`;
      yield {
        code: 'unknown-host',
        path,
        message: `the host "${name}" is not in the cluster file: expected ${expected}`,
        expected,
        suggestion: nearest(name, known),
      };
    } else if (witnesses.includes(name) && witnessOf(cluster, module.hosts) === null) {
      const expected = 'a pair without the witness, or a further witness';
      yield {
        code: 'witness-in-pair',
        path,
        message: `"${name}" is the witness of the cluster and cannot be the third vote about itself: expected ${expected}`,
        expected,
      };
    }
  }
  const [first, second] = pair;
  if (first !== undefined && second !== undefined && !haveCommonNetwork(first, second)) {
    const expected = 'two hosts that share a network';
    yield {
      code: 'no-common-network',
      path: ['hosts'],
      message: `${first.name} and ${second.name} are connected to no common network: expected ${expected}`,
      expected,
    };
  }
  yield* checkEtcdOfPair(module, cluster);
  yield* checkVirtualAddressesInCluster(module, cluster);
  if (cluster.arbiter.kind === 'none') yield* checkWithoutArbiter(module, file);
}

function haveCommonNetwork(a: ResolvedHost, b: ResolvedHost): boolean {
  return a.addresses.some(({ network }) => b.addresses.some((other) => other.network === network));
}

function* checkDetection(module: ResolvedModule): Iterable<Problem> {
  if (module.failover.detectionMs >= shortestDetectionMs) return;
  const expected = `at least ${formatDuration(shortestDetectionMs)}`;
  const message = `a detection time of ${formatDuration(module.failover.detectionMs)} would take a late heartbeat for a failure: expected ${expected}`;
  yield { code: 'detection-too-short', path: ['failover', 'detection'], message, expected };
}

function* checkWithoutArbiter(module: ResolvedModule, file: ModuleFile): Iterable<Problem> {
  if (!module.failover.automatic) return;
  if (module.failover.withoutArbiter === 'risk-split-brain') {
    yield {
      code: 'split-brain-risk',
      severity: 'warning',
      path: ['failover', 'withoutArbiter'],
      message:
        'without an arbiter both hosts run the server when only the network between them fails: two servers with two histories, one of which is lost when they meet again',
      expected: 'an arbiter in the cluster file, or "manual"',
    };
  } else {
    // The warning stands where the module says something about it, and at its name when it says nothing.
    const key = (['withoutArbiter', 'automatic'] as const).find(
      (candidate) => file.failover?.[candidate] !== undefined,
    );
    yield {
      code: 'no-arbiter',
      severity: 'warning',
      path: key === undefined ? ['name'] : ['failover', key],
      message: 'the cluster has no arbiter: failover of this module is manual, an operator promotes the secondary',
      expected: 'an arbiter in the cluster file',
    };
  }
}
