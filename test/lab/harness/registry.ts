import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runSyncQuietly } from './run.ts';

/** A process named so that a later one with the same id is never mistaken for it. */
export interface ProcessName {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTime: string;
}

/** Everything a lab made on this machine, written down before it is made, so that a lab that crashed can be removed. */
export interface LabRecord {
  readonly prefix: string;
  readonly bootId: string;
  readonly owner: ProcessName;
  readonly namespaces: readonly string[];
  readonly processes: readonly ProcessName[];
  readonly directories: readonly string[];
}

const registryDirectory = path.join(os.tmpdir(), 'understudy-labs');

export function processName(pid: number): ProcessName | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in brackets and may hold anything, even brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTime = fields[19];
    // A zombie only waits for its parent to look.
    return startTime === undefined || fields[0] === 'Z' ? null : { pid, startTime };
  } catch {
    return null;
  }
}

export function isAlive(name: ProcessName): boolean {
  return processName(name.pid)?.startTime === name.startTime;
}

function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The durable list of one lab's things. */
export class LabRegistry {
  #record: LabRecord;

  constructor(readonly prefix: string) {
    const owner = processName(process.pid);
    if (owner === null) throw new Error('/proc is not mounted.');
    this.#record = { prefix, bootId: currentBootId(), owner, namespaces: [], processes: [], directories: [] };
    this.#save();
  }

  addNamespace(name: string): void {
    this.#record = { ...this.#record, namespaces: [...this.#record.namespaces, name] };
    this.#save();
  }

  addDirectory(directory: string): void {
    this.#record = { ...this.#record, directories: [...this.#record.directories, directory] };
    this.#save();
  }

  addProcess(pid: number): void {
    const name = processName(pid);
    if (name === null) return;
    this.#record = { ...this.#record, processes: [...this.#record.processes.filter(isAlive), name] };
    this.#save();
  }

  /** Removes everything on the list, then the list. */
  clear(): void {
    removeRecorded(this.#record);
    rmSync(this.#file(), { force: true });
  }

  #file(): string {
    return path.join(registryDirectory, `${this.prefix}.json`);
  }

  #save(): void {
    mkdirSync(registryDirectory, { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#file()}.new`, JSON.stringify(this.#record));
    renameSync(`${this.#file()}.new`, this.#file());
  }
}

function kill(name: ProcessName): void {
  try {
    if (isAlive(name)) process.kill(name.pid, 'SIGKILL');
  } catch {
    // It ended by itself between the two calls.
  }
}

function sleepSync(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Kills what runs in a network namespace, whoever started it there. */
function emptyNamespace(name: string): void {
  const wanted = namespaceInode(`/run/netns/${name}`);
  if (wanted === null) return;
  for (const entry of readdirSync('/proc').filter((candidate) => /^\d+$/.test(candidate))) {
    const owner = processName(Number(entry));
    if (owner !== null && namespaceInode(`/proc/${entry}/ns/net`) === wanted) kill(owner);
  }
}

function namespaceInode(file: string): string | null {
  try {
    const { ino, dev } = statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function removeRecorded(record: LabRecord): void {
  if (record.bootId === currentBootId()) {
    for (const name of record.processes) kill(name);
    for (const namespace of record.namespaces) emptyNamespace(namespace);
    for (let i = 0; i < 100 && record.processes.some(isAlive); i += 1) sleepSync(20);
    for (const namespace of record.namespaces) runSyncQuietly(['ip', 'netns', 'del', namespace]);
  }
  for (const directory of record.directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Removes what labs left behind whose owner is gone (killed, crashed, machine restarted). Returns their prefixes. */
export function clearLeftovers(): readonly string[] {
  const cleared: string[] = [];
  let files: readonly string[];
  try {
    files = readdirSync(registryDirectory).filter((file) => file.endsWith('.json'));
  } catch {
    return cleared;
  }
  for (const file of files) {
    const full = path.join(registryDirectory, file);
    try {
      const record = JSON.parse(readFileSync(full, 'utf8')) as LabRecord;
      if (record.bootId === currentBootId() && isAlive(record.owner)) continue;
      removeRecorded(record);
      cleared.push(record.prefix);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw new Error(
        `The lab's list ${full} cannot be used (${(error as Error).message}); look at it and remove it.`,
        {
          cause: error,
        },
      );
    }
    rmSync(full, { force: true });
  }
  return cleared;
}
