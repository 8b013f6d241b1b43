import type { ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { isWithin, normalDirectory } from './directories.ts';
import { checkVirtualAddressesOfTwo } from './virtualAddressChecks.ts';

/** What is wrong with a module because of another one. Called for both orders: each file tells of its own part. */
export function* checkPairOfModules(
  module: ResolvedModule,
  other: ResolvedModule,
  otherFile: string,
): Iterable<Problem> {
  if (module.name === other.name) {
    const expected = 'a name that is unique in the cluster';
    yield {
      code: 'duplicate-name',
      path: ['name'],
      message: `the module name "${module.name}" is also used by ${otherFile}: expected ${expected}`,
      expected,
    };
  }
  yield* checkVirtualAddressesOfTwo(module, other, otherFile);
  const shared = module.hosts.find((host) => other.hosts.includes(host));
  if (shared === undefined) return;
  const whose = `of the module ${other.name} (${otherFile}), which also uses ${shared}`;
  for (const [index, directory] of module.mirror.directories.entries()) {
    for (const theirs of other.mirror.directories) {
      const message = overlap(directory, theirs, whose);
      if (message === null) continue;
      const expected = 'a directory of its own for each module of a host';
      yield {
        code: 'overlapping-directories',
        path: ['mirror', 'directories', index],
        message: `${message}: expected ${expected}`,
        expected,
      };
    }
  }
}

/** What is wrong between the directories of two modules; null when nothing is. */
function overlap(directory: string, theirs: string, whose: string): string | null {
  if (normalDirectory(directory) === normalDirectory(theirs)) return `${directory} is also the directory ${whose}`;
  if (isWithin(directory, theirs)) return `${directory} lies in ${theirs}, the directory ${whose}`;
  return isWithin(theirs, directory) ? `${directory} contains ${theirs}, the directory ${whose}` : null;
}
