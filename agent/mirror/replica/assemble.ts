import fs from 'node:fs';
import path from 'node:path';
import {
  AT_FDCWD,
  cloneMounts,
  mount,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REMOUNT,
  toByteString,
  umount,
  utimensat,
} from '../../platform/libc.ts';
import { mountAt } from '../../platform/mounts.ts';
import { rootsOf } from './roots.ts';

/**
 * Puts several directories side by side below a root of their own: a tree of mounts that nobody finds in the name space, whatever is mounted over
 * the directories later. The system itself then refuses what would lead from one of them into another. Nothing can be changed in the root, which
 * looks the same on every host.
 * @param rootFds a descriptor of each
 * @param folder an empty one, in which it is put together
 * @returns a descriptor (O_PATH) that the tree lives as long as
 */
export function assembleRoots(rootFds: readonly number[], folder: string): number {
  const target = toByteString(folder);
  mount('understudy', target, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=0755,size=1m');
  try {
    mount('none', target, null, MS_PRIVATE, null);
    rootsOf(rootFds.length).forEach((root, index) => {
      const place = path.join(folder, root);
      fs.mkdirSync(place);
      mount(`/proc/self/fd/${rootFds[index] ?? -1}`, toByteString(place), null, MS_BIND, null);
      // What is mounted over the directory later must not appear here.
      mount('none', toByteString(place), null, MS_PRIVATE, null);
    });
    utimensat(AT_FDCWD, target, 0n, 0n);
    mount('none', target, null, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, null);
    return cloneMounts(target);
  } finally {
    umount(target, MNT_DETACH);
  }
}

/** Takes away what a process that died while it worked left at a folder of its own. */
export function clearFolder(folder: string): void {
  if (!fs.existsSync(path.dirname(folder))) return;
  while (mountAt(folder) !== null) umount(toByteString(folder), MNT_DETACH);
}
