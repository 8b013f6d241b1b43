import fs from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { writeDurably } from '../../platform/durable.ts';
import {
  AT_REMOVEDIR,
  close,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  tryUnlinkat,
  unlinkat,
} from '../../platform/libc.ts';
import { type AsideDifference, filesFolder, listAside, manifestFile } from './asideManifest.ts';
import { type Entry, joinPath, ReplicaTree } from './tree.ts';

const CHUNK_BYTES = 1024 * 1024;
const read = promisify(fs.read);

/**
 * After a resync: takes out of what was kept aside all that the replica now holds as well, and lists what is left in the manifest. A file that
 * differs stays whole, so that it can be restored as it was whatever the guest writes later. Reads the replica, changes nothing of it.
 */
export async function pruneAside(replica: ReplicaTree, stateDirectory: string): Promise<void> {
  for (const { folder, manifest } of listAside(stateDirectory)) {
    if (manifest === null || manifest.differences !== null) continue;
    const fd = fs.openSync(filesFolder(folder), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    const kept = new ReplicaTree(fd);
    try {
      const found: Found = { differences: [], equal: [], bytes: 0 };
      await compareDirectory(kept, replica, '', found);
      // First the list: a crash may leave more than it names, never less.
      const { differences, bytes } = found;
      writeDurably(manifestFile(folder), `${JSON.stringify({ ...manifest, bytes, differences }, null, 2)}\n`);
      for (const { path, directory } of found.equal) remove(kept, path, directory);
    } finally {
      kept.forgetDirectories();
      replica.forgetDirectories();
      fs.closeSync(fd);
    }
  }
}

interface Found {
  readonly differences: AsideDifference[];
  /** Deepest first. */
  readonly equal: { readonly path: string; readonly directory: boolean }[];
  bytes: number;
}

async function compareDirectory(kept: ReplicaTree, replica: ReplicaTree, path: string, found: Found): Promise<void> {
  for (const entry of kept.list(path)) {
    await turn();
    const each = joinPath(path, entry.name);
    const isDirectory = (entry.mode & S_IFMT) === S_IFDIR;
    if (isDirectory) await compareDirectory(kept, replica, each, found);
    const kind = await difference(kept, replica, each, entry);
    if (kind === null) {
      found.equal.push({ path: each, directory: isDirectory });
      continue;
    }
    const { blocks } = fs.lstatSync(placeOf(kept, each));
    found.bytes += blocks * 512;
    found.differences.push({ path: Buffer.from(each, 'latin1').toString('base64'), kind, size: entry.size });
  }
}

/** Null when the replica holds the same, byte for byte and attribute for attribute. */
async function difference(
  kept: ReplicaTree,
  replica: ReplicaTree,
  path: string,
  entry: Entry,
): Promise<AsideDifference['kind'] | null> {
  const other = replica.entry(path);
  if (other === null || (other.mode & S_IFMT) !== (entry.mode & S_IFMT)) return 'removed';
  if ((entry.mode & S_IFMT) === S_IFREG && !(await sameContent(kept, replica, path, entry, other))) return 'content';
  const same =
    other.mode === entry.mode &&
    other.uid === entry.uid &&
    other.gid === entry.gid &&
    other.rdev === entry.rdev &&
    other.target === entry.target &&
    // What is in a directory decides its times; it is compared by itself.
    ((entry.mode & S_IFMT) === S_IFDIR || other.mtime === entry.mtime) &&
    other.xattrs.length === entry.xattrs.length &&
    other.xattrs.every(({ name, value }, index) => {
      const xattr = entry.xattrs[index];
      return xattr?.name === name && xattr.value.equals(value);
    });
  return same ? null : 'attributes';
}

async function sameContent(
  kept: ReplicaTree,
  replica: ReplicaTree,
  path: string,
  entry: Entry,
  other: Entry,
): Promise<boolean> {
  if (entry.size !== other.size) return false;
  const one = kept.open(path, O_RDONLY | O_NONBLOCK);
  try {
    const two = replica.open(path, O_RDONLY | O_NONBLOCK);
    try {
      const a = Buffer.allocUnsafe(CHUNK_BYTES);
      const b = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let at = 0; at < entry.size;) {
        const length = Math.min(CHUNK_BYTES, entry.size - at);
        const [left, right] = [await readFully(one, a, length, at), await readFully(two, b, length, at)];
        if (left !== length || right !== length || a.compare(b, 0, length, 0, length) !== 0) return false;
        at += length;
      }
      return true;
    } finally {
      close(two);
    }
  } finally {
    close(one);
  }
}

async function readFully(fd: number, buffer: Buffer, length: number, position: number): Promise<number> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await read(fd, buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

function remove(kept: ReplicaTree, path: string, directory: boolean): void {
  const { dirFd, name } = kept.locate(path);
  // A directory in which something is left stays.
  if (directory) tryUnlinkat(dirFd, name, AT_REMOVEDIR);
  else unlinkat(dirFd, name);
  if (directory) kept.forgetDirectories();
}

function placeOf(tree: ReplicaTree, path: string): Buffer {
  return Buffer.from(`/proc/self/fd/${String(tree.rootFd)}/${path}`, 'latin1');
}
