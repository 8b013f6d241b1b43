import fs from 'node:fs';
import type { DirectoryIdentity } from '../mirror.ts';

/** Of the directories themselves, whatever is mounted over them. */
export function identitiesOf(rootFds: readonly number[]): readonly DirectoryIdentity[] {
  return rootFds.map((rootFd) => {
    const { ino, birthtimeNs } = fs.fstatSync(rootFd, { bigint: true });
    return { ino: Number(ino), born: String(birthtimeNs) };
  });
}
