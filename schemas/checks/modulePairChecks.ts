import type { ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { isWithin, normalDirectory } from './directories.ts';

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
  const shared = module.hosts.find((host) => other.hosts.includes(host));
  if (shared === undefined) return;
  const { directory } = module.mirror;
  const theirs = other.mirror.directory;
  const path = ['mirror', 'directories', 0];
  const expected = 'a directory of its own for each module of a host';
  const whose = `of the module ${other.name} (${otherFile}), which also uses ${shared}`;
  if (normalDirectory(directory) === normalDirectory(theirs)) {
    yield {
      code: 'overlapping-directories',
      path,
      message: `${directory} is also the directory ${whose}: expected ${expected}`,
      expected,
    };
  } else if (isWithin(directory, theirs)) {
    yield {
      code: 'overlapping-directories',
      path,
      message: `${directory} lies in ${theirs}, the directory ${whose}: expected ${expected}`,
      expected,
    };
  } else if (isWithin(theirs, directory)) {
    yield {
      code: 'overlapping-directories',
      path,
      message: `${directory} contains ${theirs}, the directory ${whose}: expected ${expected}`,
      expected,
    };
  }
}
