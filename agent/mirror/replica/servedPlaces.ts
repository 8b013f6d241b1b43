import path from 'node:path';
import { listMounts, mountAt, mountsAt, type MountEntry } from '../../platform/mounts.ts';
import { FILE_SYSTEM, refuseOverlap } from '../mount/mountFuse.ts';
import { bindServed, isMountUsed, unmountServed } from './backgroundCalls.ts';
import { rootsOf } from './roots.ts';

/**
 * The places at which the file system of a mirror is seen. That of one directory is mounted over it. That of several is mounted in a folder of our
 * own, and each part of it covers its directory: all of them, or else the mirror is not served.
 */
export class ServedPlaces {
  readonly #mountPoint: string;
  readonly #fsName: string;
  readonly #directories: readonly string[];
  /** They are being taken away whoever uses them: nobody else may begin to cover or uncover anything. */
  #givenUp = false;

  /** @param mountPoint of one directory: itself */
  constructor(mountPoint: string, fsName: string, directories: readonly string[]) {
    this.#mountPoint = mountPoint;
    this.#fsName = fsName;
    this.#directories = directories;
  }

  /** The first directory. */
  get first(): string {
    return this.#directories[0] ?? this.#mountPoint;
  }

  /** All mounts by which programs see the mirror, and the one in our own folder. Touches none. */
  get mounts(): readonly MountEntry[] {
    const places = this.#isOne ? [] : this.#directories.filter((directory) => this.#isCovered(directory));
    return [...places, this.#mountPoint].map(mountAt).filter((entry) => entry !== null);
  }

  get #isOne(): boolean {
    return this.#directories.length === 1;
  }

  #isCovered(directory: string): boolean {
    const entry = mountAt(directory);
    return entry !== null && this.#isOurs(entry);
  }

  #isOurs(entry: MountEntry): boolean {
    return entry.type === FILE_SYSTEM && entry.source === this.#fsName;
  }

  /** A directory that programs would find uncovered: what they write there is not replicated. Null for none. Touches no mount. @throws when it cannot be told */
  get uncovered(): string | null {
    if (this.#isOne) return null;
    const mounts = listMounts();
    const isCovered = (directory: string) => mountsAt(directory, mounts).some((each) => this.#isOurs(each));
    return this.#directories.find((directory) => !isCovered(directory)) ?? null;
  }

  /** Covers what is not covered yet. The mount has to be served. @throws ErrnoError, MirrorError "nested" */
  async cover(): Promise<void> {
    if (this.#isOne || this.#givenUp) return;
    for (const [index, root] of rootsOf(this.#directories.length).entries()) {
      const directory = this.#directories[index] ?? '';
      if (this.#isCovered(directory)) continue;
      // Another module may have begun to serve since the directory was opened.
      refuseOverlap(directory);
      await bindServed(path.join(this.#mountPoint, root), directory);
    }
  }

  /** Takes the file system away, when nothing uses it. @returns a directory that is in use, all are covered then; null when it is gone */
  async uncover(): Promise<string | null> {
    if (this.#isOne) return (await this.#unmount(this.#mountPoint)) ? null : this.#mountPoint;
    const fromTheLast = this.#directories.toReversed();
    // All or none: in one that is uncovered while another one is in use programs would write past the mirror.
    if (await isMountUsed(this.#mountPoint)) return this.#coverAgain(this.#mountPoint);
    for (const directory of fromTheLast) {
      if (this.#isCovered(directory) && (await isMountUsed(directory))) return this.#coverAgain(directory);
    }
    for (const directory of fromTheLast) {
      if (!(await this.#unmount(directory))) return this.#coverAgain(directory);
    }
    return (await this.#unmount(this.#mountPoint)) ? null : this.#coverAgain(this.#mountPoint);
  }

  /** Only what is ours: a directory may be where a disk of the host's is mounted. @returns whether it is gone */
  async #unmount(directory: string, detach = false): Promise<boolean> {
    if (this.#givenUp && !detach) return false;
    return !this.#isCovered(directory) || unmountServed(directory, detach);
  }

  async #coverAgain(used: string): Promise<string> {
    await this.cover();
    return used;
  }

  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** Takes it away, whoever uses it. */
  async detach(): Promise<void> {
    this.#givenUp = true;
    if (!this.#isOne) {
      for (const directory of this.#directories.toReversed()) {
        await this.#unmount(directory, true);
      }
    }
    await this.#unmount(this.#mountPoint, true);
  }
}
