import fs from 'node:fs';
import { NUMBERS_EACH, statat } from '../../platform/libc.ts';
import { isWithin, listMounts, placeOnDevice, type PlaceOnDevice } from '../../platform/mounts.ts';
import { MirrorError } from '../mirrorError.ts';
import { identitiesOf } from './identity.ts';

interface Place extends PlaceOnDevice {
  /** In the name space. */
  readonly real: string;
}

/**
 * Several directories of a module have to be apart from one another: files of both would be copied twice, in two orders. Paths alone do not tell,
 * since symbolic links and mounts may lead into another one.
 * @param rootFds a descriptor of each
 * @throws MirrorError "nested", "inode-too-large", "mount-within", "alike"
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
    refuseMountsWithin(directory);
  });
  refuseAlike(directories, rootFds);
}

function placeOf(directory: string): Place {
  const real = fs.realpathSync(directory);
  const { device, path } = placeOnDevice(real, listMounts()) ?? { device: '', path: real };
  return { device, path, real };
}

/** A mount within a directory is no part of the mirror; it may even show files of another directory. */
function refuseMountsWithin(directory: string): void {
  const real = fs.realpathSync(directory);
  const found = listMounts().find(({ mountPoint }) => mountPoint !== real && isWithin(mountPoint, real));
  if (found === undefined) return;
  throw new MirrorError(
    'mount-within',
    `${found.mountPoint} is mounted within ${directory}, which several mirrored directories cannot have: mount it elsewhere, or name ${found.mountPoint} as one of the directories and ${directory} not`,
  );
}

/** By its number and time of birth a directory is known again: two file systems may give theirs the same ones, when they are made one right after the other. */
function refuseAlike(directories: readonly string[], rootFds: readonly number[]): void {
  const identities = identitiesOf(rootFds).map(({ ino, born }) => `${ino} ${born}`);
  identities.forEach((identity, index) => {
    const other = identities.indexOf(identity);
    if (other === index) return;
    throw new MirrorError(
      'alike',
      `${directories[other] ?? ''} and ${directories[index] ?? ''} could not be told apart if their disks were exchanged: both were made in the same moment. Make one of them again (mkdir), or name a directory within each that is made later`,
    );
  });
}

function relationOf(one: Place, other: Place): string | null {
  const within = (inner: Place, outer: Place) =>
    isWithin(inner.real, outer.real) || (inner.device === outer.device && isWithin(inner.path, outer.path));
  if (within(one, other)) return within(other, one) ? 'is the same directory as' : 'lies in';
  return within(other, one) ? 'contains' : null;
}
