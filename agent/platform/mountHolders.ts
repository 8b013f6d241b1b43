import fs from 'node:fs';
import { AT_FDCWD, close, O_PATH, openat } from './libc.ts';
import { parseMountInfo, type MountEntry } from './mounts.ts';

/**
 * Mounts of the same file system as `mounts`, here or in other mount namespaces: containers and services may have copies of their own, which do
 * not go when the originals do. Each is named by its number, which is unique on the host. Touches no mount.
 */
export function otherMountsOf(mounts: readonly MountEntry[]): ReadonlySet<number> {
  const devices = new Set(mounts.map((mount) => mount.device));
  const own = new Set(mounts.map((mount) => mount.id));
  const found = new Set<number>();
  const seen = new Set<string>();
  for (const pid of processes()) {
    const namespace = attempt(() => fs.readlinkSync(`/proc/${pid}/ns/mnt`));
    if (namespace === null || seen.has(namespace)) continue;
    const text = attempt(() => fs.readFileSync(`/proc/${pid}/mountinfo`, 'latin1'));
    if (text === null) continue;
    seen.add(namespace);
    for (const { id, device } of parseMountInfo(text)) if (devices.has(device) && !own.has(id)) found.add(id);
  }
  return found;
}

/**
 * Processes that use one of these mounts: by an open file, by where they work or what they run, by a file in their memory.
 * @param device of the mounts, as their entries say it
 */
export function usersOf(
  mounts: ReadonlySet<number>,
  device: string,
): { readonly pid: number; readonly command: string }[] {
  const users: { pid: number; command: string }[] = [];
  if (mounts.size === 0) return users;
  for (const pid of processes()) {
    const uses =
      openedBy(pid).some((id) => mounts.has(id)) ||
      ['cwd', 'root', 'exe'].some((link) => mounts.has(mountBehind(`/proc/${pid}/${link}`))) ||
      hasMapped(pid, device);
    if (uses) users.push({ pid, command: (attempt(() => fs.readFileSync(`/proc/${pid}/comm`, 'utf8')) ?? '').trim() });
  }
  return users;
}

function openedBy(pid: number): number[] {
  const directory = `/proc/${pid}/fdinfo`;
  return (attempt(() => fs.readdirSync(directory)) ?? []).map((fd) => mountIn(`${directory}/${fd}`));
}

/** The mount of what a link of /proc leads to, -1 when it leads nowhere. Asks the file system itself for nothing. */
function mountBehind(link: string): number {
  const fd = attempt(() => openat(AT_FDCWD, link, O_PATH));
  if (fd === null) return -1;
  try {
    return mountIn(`/proc/self/fdinfo/${fd}`);
  } finally {
    close(fd);
  }
}

function mountIn(fdinfo: string): number {
  const text = attempt(() => fs.readFileSync(fdinfo, 'latin1')) ?? '';
  return Number(/^mnt_id:\s*(\d+)/m.exec(text)?.[1] ?? -1);
}

function hasMapped(pid: number, device: string): boolean {
  const number = device
    .split(':')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':');
  return (attempt(() => fs.readFileSync(`/proc/${pid}/maps`, 'latin1')) ?? '').includes(` ${number} `);
}

function processes(): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Null when it fails: the process or its descriptor is gone meanwhile. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
