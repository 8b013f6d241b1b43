import { access, constants, opendir, stat } from 'node:fs/promises';

/** What is at a path on this machine. */
export type Fact = 'missing' | 'file' | 'executable' | 'folder' | 'emptyFolder';

/** More than this is not kept, and not told of: nobody names so many. */
const mostFacts = 100_000;

/** What is on this machine's disk, as it was when somebody looked last. */
export class FileFacts {
  readonly #facts = new Map<string, Fact>();
  readonly #looking = new Map<string, Promise<Fact>>();
  #revision = 0;

  /** Differs when anything that is known has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined: nobody has looked yet. */
  known(path: string): Fact | undefined {
    return this.#facts.get(path);
  }

  /**
   * Looks at paths.
   * @returns whether any of them is not as it was known
   */
  async look(paths: Iterable<string>): Promise<boolean> {
    const changes = await Promise.all(
      [...new Set(paths)].map(async (path) => {
        let looking = this.#looking.get(path);
        if (looking === undefined) {
          looking = factOf(path).finally(() => this.#looking.delete(path));
          this.#looking.set(path, looking);
        }
        const fact = await looking;
        const known = this.#facts.get(path);
        if (known === undefined && this.#facts.size >= mostFacts) return false;
        this.#facts.set(path, fact);
        return known !== fact;
      }),
    );
    const hasChanged = changes.includes(true);
    if (hasChanged) this.#revision += 1;
    return hasChanged;
  }
}

async function factOf(path: string): Promise<Fact> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return (await isEmpty(path)) ? 'emptyFolder' : 'folder';
    return await access(path, constants.X_OK).then(
      (): Fact => 'executable',
      (): Fact => 'file',
    );
  } catch {
    // What may not be looked at is not there for whoever edits.
    return 'missing';
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
