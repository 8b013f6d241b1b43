import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import type { Difference } from '../mirror.ts';
import type { Entry, Xattr } from '../replica/tree.ts';

const TYPES = new Map([
  [0o010000, 'a FIFO'],
  [0o020000, 'a character device'],
  [0o040000, 'a directory'],
  [0o060000, 'a block device'],
  [0o100000, 'a file'],
  [0o120000, 'a symbolic link'],
  [0o140000, 'a socket'],
]);

const typeName = (mode: number) => TYPES.get(mode & S_IFMT) ?? 'something unknown';
const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');
const listed = (xattrs: readonly Xattr[]) =>
  [...xattrs]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => `${name}=${value.toString('hex')}`)
    .join(' ');

/** Modification times as an operator reads them, to the nanosecond. */
function timeText(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}`;
}

/**
 * How the attributes of one name differ on the two replicas. Sizes of directories and numbers of their links are each file system's own.
 * @param ours the primary's; a link count of 0 is not compared
 */
export function compareEntries(path: string, ours: Entry, theirs: Entry): Difference[] {
  const found: Difference[] = [];
  const differ = (what: Difference['what'], here: string | number, there: string | number) => {
    if (here !== there) found.push({ path, what, detail: `${here} on the primary, ${there} on the secondary` });
  };
  const type = ours.mode & S_IFMT;
  if ((theirs.mode & S_IFMT) !== type) {
    differ('type', typeName(ours.mode), typeName(theirs.mode));
    return found;
  }
  if (type !== S_IFLNK) differ('mode', octal(ours.mode), octal(theirs.mode));
  differ('owner', `${ours.uid}:${ours.gid}`, `${theirs.uid}:${theirs.gid}`);
  if (type !== S_IFDIR && ours.nlink !== 0) differ('links', ours.nlink, theirs.nlink);
  if (type === S_IFREG) differ('size', ours.size, theirs.size);
  if (type === S_IFLNK) differ('target', ours.target, theirs.target);
  if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) differ('device', ours.rdev, theirs.rdev);
  differ('mtime', timeText(ours.mtime), timeText(theirs.mtime));
  differ('xattrs', listed(ours.xattrs), listed(theirs.xattrs));
  return found;
}
