import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as libc from '../../../agent/platform/libc.ts';
import { outcomeOf } from './calls.ts';

export type CaseList = Readonly<Record<string, (t: Case) => void>>;

/** One case: a directory of its own, and what every operation in it answered. */
export class Case {
  readonly name: string;
  readonly top: string;
  readonly root: number;
  readonly #open: number[] = [];

  constructor(name: string, top: string) {
    this.name = name;
    this.top = top;
    this.root = libc.openat(libc.AT_FDCWD, top, libc.O_RDONLY | libc.O_DIRECTORY);
  }

  /** Does something and notes what came of it. */
  check(what: string, action: () => unknown): void {
    const result = outcomeOf(action);
    const text = JSON.stringify([`${this.name}: ${what}`, result], (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    fs.writeSync(1, `${text}\n`);
  }

  open(name: string, flags = libc.O_RDWR | libc.O_CREAT, mode = 0o644): number {
    const fd = libc.openat(this.root, name, flags, mode);
    this.#open.push(fd);
    return fd;
  }

  close(fd: number): void {
    const at = this.#open.indexOf(fd);
    if (at !== -1) this.#open.splice(at, 1);
    libc.close(fd);
  }

  /** Makes a file with a content; what it answers is not looked at. */
  put(name: string, content: string | Uint8Array = '', mode = 0o644): void {
    const fd = this.open(name, libc.O_RDWR | libc.O_CREAT | libc.O_TRUNC, mode);
    libc.pwriteFully(fd, Buffer.from(content as string, 'latin1'), 0);
    libc.fchmod(fd, mode);
    this.close(fd);
  }

  content(name: string): string {
    return fs.readFileSync(Buffer.concat([Buffer.from(`${this.top}/`), Buffer.from(name, 'latin1')]), 'latin1');
  }

  stat(name: string, flags?: number): unknown {
    const stat = libc.statat(this.root, name, flags);
    const isDirectory = (stat.mode & libc.S_IFMT) === libc.S_IFDIR;
    const { mode, nlink, uid, gid, rdev } = stat;
    return { mode: mode.toString(8), nlink, uid, gid, rdev, size: isDirectory ? 0 : stat.size };
  }

  times(name: string): unknown {
    const stat = libc.statat(this.root, name);
    return [libc.timeNs(stat.atimeSec, stat.atimeNsec), libc.timeNs(stat.mtimeSec, stat.mtimeNsec)];
  }

  names(name = ''): string[] {
    return libc
      .listDirectory(this.root, name)
      .map((entry) => entry.name)
      .sort();
  }

  path(name: string): string {
    return path.join(this.top, name);
  }

  /** As another user, with no further groups but these. */
  as(uid: number, gid: number, action: () => void, groups: number[] = []): void {
    process.setgroups?.(groups);
    process.setegid?.(gid);
    process.seteuid?.(uid);
    try {
      action();
    } finally {
      process.seteuid?.(0);
      process.setegid?.(0);
      process.setgroups?.([0]);
    }
  }

  /** What another process sees of locks on a file. */
  otherProcess(name: string): unknown {
    return JSON.parse(
      execFileSync(process.execPath, [process.argv[1] ?? '', 'lock', this.path(name)], { encoding: 'utf8' }),
    );
  }

  end(): void {
    for (const fd of this.#open) libc.close(fd);
    libc.close(this.root);
  }
}
