import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {
  ErrnoError,
  MNT_DETACH,
  MNT_FORCE,
  MS_BIND,
  MS_RDONLY,
  MS_REMOUNT,
  errnoOf,
  errnos,
  fromByteString,
  mount,
  statfs,
  toByteString,
  umount,
} from './libc.ts';

/** A mount that does not answer for this long is not dead, but busy or frozen. */
const PROBE_LIMIT_MS = 1500;

/** One line of /proc/self/mountinfo (proc(5)). */
export interface MountEntry {
  readonly id: number;
  /** 'major:minor' of the device; of a FUSE mount the minor number names its connection. */
  readonly device: string;
  /** The directory within the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount: 'ro', 'nosuid', … */
  readonly options: readonly string[];
  /** 'ext4', 'fuse.understudy', … */
  readonly type: string;
  readonly source: string;
}

const unescape = (text: string): string =>
  fromByteString(text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))));

/** Reads the text of a mountinfo file. `text` is a byte string. Lines that do not look like one are skipped. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [id, , device, root, mountPoint, options] = before.split(' ');
    const [type, source] = after.split(' ');
    if (id === undefined || device === undefined || root === undefined || mountPoint === undefined) continue;
    entries.push({
      id: Number(id),
      device,
      root: unescape(root),
      mountPoint: unescape(mountPoint),
      options: (options ?? '').split(','),
      type: type ?? '',
      source: unescape(source ?? ''),
    });
  }
  return entries;
}

/** The mounts that this process sees, later ones cover earlier ones. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(fs.readFileSync('/proc/self/mountinfo', 'latin1'));
}

/**
 * The canonical path of a directory that may be a mount point. Only its parents are resolved, because the mount itself may be dead or
 * served by the caller.
 */
function canonical(directory: string): string {
  const absolute = path.resolve(directory);
  if (absolute === '/') return absolute;
  return path.join(fs.realpathSync(path.dirname(absolute)), path.basename(absolute));
}

/** The mounts at `directory`, later ones cover earlier ones. Does not touch them. */
export function mountsAt(directory: string, among: readonly MountEntry[] = listMounts()): MountEntry[] {
  const wanted = canonical(directory);
  return among.filter((entry) => entry.mountPoint === wanted);
}

/** The topmost mount at `directory`, null when it is no mount point. Does not touch the mount. */
export function mountAt(directory: string): MountEntry | null {
  return mountsAt(directory).at(-1) ?? null;
}

/** Where a directory lies in its file system, whichever way leads there. */
export interface PlaceOnDevice {
  readonly device: string;
  readonly path: string;
}

/** @param real a path without symbolic links @param mounts later ones cover earlier ones */
export function placeOnDevice(real: string, mounts: readonly MountEntry[]): PlaceOnDevice | null {
  const around = mounts.filter(({ mountPoint }) => isWithin(real, mountPoint));
  const longest = Math.max(...around.map(({ mountPoint }) => mountPoint.length));
  const mount = around.findLast(({ mountPoint }) => mountPoint.length === longest);
  if (mount === undefined) return null;
  return { device: mount.device, path: path.join(mount.root, path.relative(mount.mountPoint, real)) };
}

/** Whether a path is that of a directory, or lies below it. */
export const isWithin = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);

/** The topmost mount at a directory, when it shows read-only what would be there without it; else null. */
export function readOnlyCover(directory: string): MountEntry | null {
  const mounts = listMounts();
  const cover = mountsAt(directory, mounts).at(-1);
  if (cover === undefined || !cover.options.includes('ro')) return null;
  const below = placeOnDevice(
    cover.mountPoint,
    mounts.filter((each) => each !== cover),
  );
  return below?.device === cover.device && below.path === cover.root ? cover : null;
}

/** A mount of a type within a directory, or around it; null when there is none. One at the directory itself does not count. Touches no mount. */
export function overlappingMount(
  directory: string,
  type: string,
): { readonly entry: MountEntry; readonly where: 'within' | 'around' } | null {
  const wanted = canonical(directory);
  for (const entry of listMounts()) {
    if (entry.type !== type || entry.mountPoint === wanted) continue;
    if (isWithin(wanted, entry.mountPoint)) return { entry, where: 'around' };
    if (isWithin(entry.mountPoint, wanted)) return { entry, where: 'within' };
  }
  return null;
}

/** Covers a directory with a read-only view of itself. Undone by {@link unmount}. Throws ErrnoError; then nothing is mounted. */
export function bindReadOnly(directory: string): void {
  const target = toByteString(canonical(directory));
  mount(target, target, null, MS_BIND, null);
  try {
    mount('none', target, null, MS_REMOUNT | MS_BIND | MS_RDONLY, null);
  } catch (error) {
    umount(target, MNT_DETACH);
    throw error;
  }
}

/**
 * Takes the topmost mount off a directory. Where something still uses it, the mount is detached: it is gone from the name space at once
 * and vanishes when its last user does. A directory that is no mount point is left alone.
 */
export function unmount(directory: string): 'unmounted' | 'detached' | 'not mounted' {
  const target = toByteString(canonical(directory));
  try {
    umount(target);
    return 'unmounted';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === errnos.EINVAL || errno === errnos.ENOENT) return 'not mounted';
    if (errno !== errnos.EBUSY) throw error;
  }
  try {
    umount(target, MNT_DETACH);
    return 'detached';
  } catch (error) {
    // Whoever served it has taken it away meanwhile.
    if (errnoOf(error) !== errnos.EINVAL) throw error;
    return 'not mounted';
  }
}

const connections = '/sys/fs/fuse/connections';
/** Of the control file system (linux/magic.h). */
const FUSE_CTL_SUPER_MAGIC = 0x65735543;

/** The number of a FUSE mount's connection. */
export function connectionOf(entry: MountEntry): number {
  return Number(entry.device.split(':')[1]);
}

/**
 * Cuts a FUSE connection (kernel documentation, filesystems/fuse/fuse.rst, "Aborting a filesystem connection"): everything that waits for its
 * server fails with ECONNABORTED. Returns false when there is no such connection.
 */
export function abortConnection(connection: number): boolean {
  // By what is found there: the mounts that are listed tell nothing of one that another mount of /sys hides.
  if (statfs(connections).type !== FUSE_CTL_SUPER_MAGIC) {
    try {
      mount('none', connections, 'fusectl', 0, null);
    } catch (error) {
      // Another process was faster.
      if (errnoOf(error) !== errnos.EBUSY) throw error;
    }
  }
  try {
    fs.writeFileSync(path.join(connections, String(connection), 'abort'), '1');
    return true;
  } catch (error) {
    if (errnoOf(error) === errnos.ENOENT) return false;
    throw error;
  }
}

/**
 * Whether the FUSE mount at `directory` has lost its server. Never call it from the process that serves the mount.
 */
export function isDeadMount(directory: string): boolean {
  const entry = mountAt(directory);
  if (entry === null || !entry.type.startsWith('fuse')) return false;
  // statfs always asks the server; a stat is answered from the kernel's cache long after the server died. In a child, since a mount that
  // lives but is frozen answers nobody.
  const { stderr } = spawnSync('stat', ['-f', '--', directory], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
    timeout: PROBE_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  return /Transport endpoint is not connected|Software caused connection abort/.test(stderr);
}

/**
 * Removes the mounts that dead processes left on `directory`: all FUSE mounts whose source is `fsName`, from the top, as long as their server
 * is gone. Returns how many were removed. A mount of another kind on top is left alone, with what is below it.
 */
export function removeDeadMounts(directory: string, fsName: string): number {
  for (let removed = 0; ; removed++) {
    const entry = mountAt(directory);
    if (entry === null || entry.source !== fsName || !isDeadMount(directory)) return removed;
    // A zombie may hang on a request that nobody will answer any more: the abort frees it.
    abortConnection(connectionOf(entry));
    const target = toByteString(entry.mountPoint);
    try {
      umount(target, MNT_FORCE);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== errnos.EBUSY) throw error;
      umount(target, MNT_DETACH);
    }
  }
}
