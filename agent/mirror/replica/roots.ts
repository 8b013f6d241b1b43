import { close, numberFilesApart, O_DIRECTORY, O_RDONLY, openat, statat, syncfs } from '../../platform/libc.ts';

/**
 * Where the mirrored directories begin in the paths of a mirror. One directory is the root itself. Several lie side by side below a root that
 * holds nothing else, each by its place in their order: "0", "1", …
 */
export type Roots = readonly string[];

export const ONE_ROOT: Roots = [''];

export function rootsOf(directories: number): Roots {
  return directories === 1 ? ONE_ROOT : Array.from({ length: directories }, (_, index) => String(index));
}

/** The root that a path lies in: '' for everything in a mirror of one directory. */
export function rootOf(roots: Roots, path: string): string {
  if (roots.length === 1) return '';
  const slash = path.indexOf('/');
  return slash === -1 ? path : path.slice(0, slash);
}

/** A path from its mirrored directory. */
export function withinRoot(roots: Roots, path: string): string {
  if (roots.length === 1) return path;
  const slash = path.indexOf('/');
  return slash === -1 ? '' : path.slice(slash + 1);
}

/** A path of a mirror as people know it: with several directories that of the host. @param path readable text, as all of these */
export function shownPath(directories: readonly string[], path: string): string {
  const roots = rootsOf(directories.length);
  if (roots.length === 1) return path;
  const within = withinRoot(roots, path);
  const directory = directories[roots.indexOf(rootOf(roots, path))];
  if (directory === undefined) return path;
  return within === '' ? directory : `${directory}/${within}`;
}

/** What {@link shownPath} has made of a path. */
export function pathOfShown(directories: readonly string[], shown: string): string {
  const roots = rootsOf(directories.length);
  if (roots.length === 1) return shown;
  const index = directories.findIndex((directory) => shown === directory || shown.startsWith(`${directory}/`));
  const root = roots[index];
  return root === undefined ? shown : root + shown.slice(directories[index]?.length);
}

/**
 * Has this thread tell the files of several directories apart by their numbers, in which the root that they lie below has the last place. Marks are
 * kept by these numbers, so the order of the directories must not change.
 * @param rootFd the root of the mirror
 */
export function numberRoots(rootFd: number, roots: Roots): void {
  if (roots.length === 1) return;
  const devices = roots.map((root) => statat(rootFd, root).dev);
  while (devices.length < MOST_DIRECTORIES) devices.push(devices[0] ?? 0);
  numberFilesApart([...devices, statat(rootFd, '').dev]);
}

/** With the root above them 32 file systems, which is how many can be told apart. */
export const MOST_DIRECTORIES = 31;

/** Makes everything durable that lies on the file systems of a mirror. */
export function syncRoots(rootFd: number, roots: Roots): void {
  if (roots.length === 1) return syncfs(rootFd);
  for (const root of roots) {
    const fd = openat(rootFd, root, O_RDONLY | O_DIRECTORY);
    try {
      syncfs(fd);
    } finally {
      close(fd);
    }
  }
}
