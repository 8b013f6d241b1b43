import { opendir, stat } from 'node:fs/promises';
import { diskGate, soon } from './diskGate.ts';
import type { DiskGate } from './diskGate.ts';

/** What is at a path on this machine. `hidden`: whoever edits may not look into a folder above it. */
export type Fact = 'missing' | 'hidden' | 'file' | 'executable' | 'folder' | 'emptyFolder';

/** More than this is not kept, and not told of: nobody names so many. */
const mostFacts = 100_000;

/** What is on this machine's disk, as it was when somebody looked last. */
export class FileFacts {
  readonly #facts = new Map<string, Fact>();
  readonly #gate: DiskGate;
  readonly #factOf: (path: string) => Promise<Fact>;
  #revision = 0;

  constructor(gate = diskGate, lookAt = factOf) {
    this.#gate = gate;
    this.#factOf = lookAt;
  }

  /** Differs when anything that is known has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined: nobody has looked yet, or the disk does not answer. */
  known(path: string): Fact | undefined {
    return this.#facts.get(path);
  }

  /**
   * Looks at paths, for a second at most.
   * @param later called when what took longer than that is known and is not as it was known
   * @returns whether any of them is not as it was known
   */
  async look(paths: Iterable<string>, later?: () => void): Promise<boolean> {
    let hasChanged = false;
    const looks = [...new Set(paths)].map(async (path) => {
      const before = this.#facts.get(path);
      const fact = await this.#gate.run(`look ${path}`, () => this.#factOf(path));
      if (before !== fact && this.#keep(path, fact)) hasChanged = true;
    });
    const all = Promise.all(looks).then(() => true);
    const isWhole = await soon(all, false);
    const result = hasChanged;
    hasChanged = false;
    if (!isWhole && later !== undefined) void all.then(() => (hasChanged ? later() : undefined));
    return result;
  }

  #keep(path: string, fact: Fact): boolean {
    const known = this.#facts.get(path);
    if (known === undefined && this.#facts.size >= mostFacts) return false;
    this.#facts.set(path, fact);
    if (known !== fact) this.#revision += 1;
    return true;
  }
}

async function factOf(path: string): Promise<Fact> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return (await isEmpty(path)) ? 'emptyFolder' : 'folder';
    // Hosts run it as root, whatever whoever edits may do.
    return (found.mode & 0o111) === 0 ? 'file' : 'executable';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    return code === 'EACCES' || code === 'EPERM' ? 'hidden' : 'missing';
  }
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    const entries = await opendir(folder);
    try {
      return (await entries.read()) === null;
    } finally {
      await entries.close();
    }
  } catch {
    return true;
  }
}
