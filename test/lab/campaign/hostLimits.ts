import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LabHost } from '../harness/host.ts';

const root = '/sys/fs/cgroup';
const periodUs = 100_000;
/** What is left beside what the processes need at that moment. */
const spareBytes = 16 << 20;

/** Whether a host got less of something: this machine may have no means for it, or the kernel may refuse it at that moment. */
export type Limited = 'done' | 'refused' | 'impossible';

/** A control group of each host, through which it gets less of the machine. */
export class HostLimits {
  readonly #groups = new Map<string, string>();

  /** Call it after an agent was started: its processes go into the host's group. What they start later is in it by itself. */
  async take(host: LabHost): Promise<void> {
    const own = await readlink(`/proc/${host.firstPid}/ns/pid`);
    for (const folder of await this.#folders(host)) {
      for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
        const namespace = await readlink(`/proc/${pid}/ns/pid`).catch(() => null);
        // A process that has ended meanwhile.
        if (namespace === own) await writeFile(path.join(folder, 'cgroup.procs'), pid).catch(() => undefined);
      }
    }
  }

  limitProcessor(host: LabHost, percent: number): Promise<Limited> {
    const quota = Math.round((periodUs * percent) / 100);
    return this.#write(host, { 'cpu.max': `${quota} ${periodUs}`, 'cpu.cfs_quota_us': String(quota) });
  }

  /** Leaves what the processes hold and little more, so that what the system keeps of files has to go. */
  async limitMemory(host: LabHost): Promise<Limited> {
    const limit = String((await this.#anonymousBytes(host)) + spareBytes);
    return this.#write(host, { 'memory.high': limit, 'memory.limit_in_bytes': limit });
  }

  async lift(host: LabHost): Promise<void> {
    await this.#write(host, { 'cpu.max': `max ${periodUs}`, 'cpu.cfs_quota_us': '-1' });
    await this.#write(host, { 'memory.high': 'max', 'memory.limit_in_bytes': '-1' });
  }

  /** When the hosts are gone. */
  async remove(): Promise<void> {
    for (const name of this.#groups.values()) {
      for (const folder of foldersOf(name)) await rmdir(folder).catch(() => undefined);
    }
  }

  /** Writes the file that this kind of control group has. */
  async #write(host: LabHost, files: Readonly<Record<string, string>>): Promise<Limited> {
    let limited: Limited = 'impossible';
    for (const folder of await this.#folders(host)) {
      for (const [file, value] of Object.entries(files)) {
        const full = path.join(folder, file);
        if (!existsSync(full)) continue;
        try {
          await writeFile(full, value);
          limited = 'done';
        } catch {
          // Busy: the kernel could not get that much back at once.
          if (limited === 'impossible') limited = 'refused';
        }
      }
    }
    return limited;
  }

  async #anonymousBytes(host: LabHost): Promise<number> {
    for (const folder of await this.#folders(host)) {
      const text = await readFile(path.join(folder, 'memory.stat'), 'utf8').catch(() => '');
      const bytes = /^(?:total_rss|anon) (\d+)$/m.exec(text)?.[1];
      if (bytes !== undefined) return Number(bytes);
    }
    return 0;
  }

  async #folders(host: LabHost): Promise<readonly string[]> {
    const name = this.#groups.get(host.name) ?? host.station.namespace;
    const folders = foldersOf(name);
    if (!this.#groups.has(host.name)) {
      this.#groups.set(host.name, name);
      for (const folder of folders) await mkdir(folder, { recursive: true }).catch(() => undefined);
    }
    return folders.filter((folder) => existsSync(folder));
  }
}

/** One folder for everything, or, as it was before, one for each thing that can be limited. */
function foldersOf(name: string): readonly string[] {
  if (existsSync(path.join(root, 'cgroup.controllers'))) return [path.join(root, name)];
  return ['cpu', 'memory']
    .filter((kind) => existsSync(path.join(root, kind)))
    .map((kind) => path.join(root, kind, name));
}
