import fs from 'node:fs';
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

/** Processes that have files open through one of these mounts. */
export function usersOf(mounts: ReadonlySet<number>): { readonly pid: number; readonly command: string }[] {
  const users: { pid: number; command: string }[] = [];
  if (mounts.size === 0) return users;
  for (const pid of processes()) {
    const directory = `/proc/${pid}/fdinfo`;
    const uses = (attempt(() => fs.readdirSync(directory)) ?? []).some((fd) => {
      const id = /^mnt_id:\s*(\d+)/m.exec(attempt(() => fs.readFileSync(`${directory}/${fd}`, 'latin1')) ?? '')?.[1];
      return id !== undefined && mounts.has(Number(id));
    });
    if (uses) users.push({ pid, command: (attempt(() => fs.readFileSync(`/proc/${pid}/comm`, 'utf8')) ?? '').trim() });
  }
  return users;
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
