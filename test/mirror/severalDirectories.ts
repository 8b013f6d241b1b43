import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listMounts } from '../../agent/platform/mounts.ts';
import type { MirrorOptions } from '../../agent/mirror/mirror.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

/** What both hosts call the directories of {@link SeveralDirectories}. */
const LAYOUT = ['/srv/vm/web', '/srv/data', '/srv/logs'];

/** A pair whose module has three directories: the second one on a file system of its own, the third one on that of the first. */
export class SeveralDirectories {
  readonly pair: Pair;
  readonly #mounted: string[] = [];

  constructor(both: Partial<MirrorOptions> = {}) {
    this.pair = new Pair({ both, alpha: this.#directories('alpha'), beta: this.#directories('beta') });
  }

  #directories(host: string): Partial<MirrorOptions> {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), `us-${host}-dirs-`));
    const disk = path.join(base, 'disk');
    fs.mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', disk]);
    this.#mounted.push(base);
    const [directory, logs] = [path.join(base, 'vm'), path.join(base, 'logs')];
    return { directory, furtherDirectories: [path.join(disk, 'data'), logs], layout: LAYOUT };
  }

  /** The mounts of both hosts, but the disks of {@link SeveralDirectories}. */
  get mounts(): readonly string[] {
    const { alpha, beta } = this.pair;
    const own = [alpha.base, beta.base, ...this.#mounted].map((base) => `${base}/`);
    return listMounts()
      .map((entry) => entry.mountPoint)
      .filter((place) => own.some((base) => place.startsWith(base)) && path.basename(place) !== 'disk');
  }

  /** What is different between the two hosts, directory by directory. */
  async differences(): Promise<string[]> {
    const { alpha, beta } = this.pair;
    const found: string[] = [];
    for (const [index, directory] of alpha.directories.entries()) {
      found.push(...(await settle(directory, beta.directories[index] ?? '')));
    }
    return found;
  }

  async remove(): Promise<void> {
    await cleanUp([
      () => this.pair.remove(),
      ...this.#mounted.splice(0).map((base) => () => {
        execFileSync('umount', [path.join(base, 'disk')]);
        fs.rmSync(base, { recursive: true, force: true });
      }),
    ]);
  }
}

/** A file of one of a host's directories. */
export const fileIn = (host: TestHost, directory: number, name: string): string =>
  path.join(host.directories[directory] ?? '', name);
