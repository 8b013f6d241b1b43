import fs from 'node:fs';
import path from 'node:path';
import { NUMBERS_EACH, statat } from '../../platform/libc.ts';
import { listMounts } from '../../platform/mounts.ts';
import { MirrorError } from '../mirrorError.ts';

/** Where a directory lies in its file system, whichever way leads there. */
interface Place {
  readonly device: string;
  readonly path: string;
  /** In the name space. */
  readonly real: string;
}

/**
 * Several directories of a module have to be apart from one another: files of both would be copied twice, in two orders. Paths alone do not tell,
 * since symbolic links and mounts may lead into another one.
 * @param rootFds a descriptor of each
 * @throws MirrorError "nested", "inode-too-large"
 */
export function refuseShared(directories: readonly string[], rootFds: readonly number[]): void {
  const places = directories.map(placeOf);
  directories.forEach((directory, index) => {
    if (fs.lstatSync(directory).isSymbolicLink()) {
      throw new MirrorError(
        'nested',
        `${directory} is a symbolic link: name the directory that it leads to, ${fs.realpathSync(directory)}`,
      );
    }
    if (statat(rootFds[index] ?? -1, '').ino >= NUMBERS_EACH) {
      throw new MirrorError(
        'inode-too-large',
        `the file system of ${directory} has inode numbers that are too large for a module of several directories: give the directory a module of its own`,
      );
    }
    for (let other = 0; other < index; other++) {
      const relation = relationOf(places[index] as Place, places[other] as Place);
      if (relation === null) continue;
      throw new MirrorError(
        'nested',
        `${directory} ${relation} ${directories[other] ?? ''}: name directories that do not share files`,
      );
    }
  });
}

function placeOf(directory: string): Place {
  const real = fs.realpathSync(directory);
  // Of mounts at one place the last one is what is seen.
  const mounts = listMounts().filter((entry) => isWithin(real, entry.mountPoint));
  const longest = Math.max(...mounts.map((entry) => entry.mountPoint.length));
  const mount = mounts.findLast((entry) => entry.mountPoint.length === longest);
  if (mount === undefined) return { device: '', path: real, real };
  return { device: mount.device, path: path.join(mount.root, path.relative(mount.mountPoint, real)), real };
}

const isWithin = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);

function relationOf(one: Place, other: Place): string | null {
  const within = (inner: Place, outer: Place) =>
    isWithin(inner.real, outer.real) || (inner.device === outer.device && isWithin(inner.path, outer.path));
  if (within(one, other)) return within(other, one) ? 'is the same directory as' : 'lies in';
  return within(other, one) ? 'contains' : null;
}
