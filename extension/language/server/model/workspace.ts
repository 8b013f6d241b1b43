import { sep } from 'node:path';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { filesBelow, filesOfGroup, readFiles, readSourceFile } from './readFiles.ts';
import { groupFolderOf, kindOfDocument, kindOfUri, pathOf, SourceFile } from './sourceFile.ts';

/** Of the files of one cluster: itself, and those of its modules. */
interface Group {
  readonly files: Map<string, SourceFile>;
  /** The files by their paths; null: one has come or gone since. */
  order: readonly string[] | null;
}

/**
 * The module and cluster files of the folders that are open in the editor, and of the clusters of those that are open without a folder:
 * as they are in the editor, or else on the disk. Each text is read once and parsed once.
 */
export class Workspace {
  readonly #files = new Map<string, SourceFile>();
  readonly #groups = new Map<string, Group>();
  /** Folders below which everything is known, with a slash at the end. */
  readonly #roots = new Set<string>();
  /** Groups that were read by themselves, being below none of the roots. */
  readonly #alone = new Set<string>();
  /** Groups that are being read, or all of them while a root is: what is known of them is not all yet. */
  readonly #reading = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  readonly #changed: (folder: string) => void;
  readonly #failed: (error: unknown) => void;

  /**
   * @param changed is told the folder of each cluster of which a file has come, gone or changed
   * @param failed is told what should not happen
   */
  constructor(changed: (folder: string) => void, failed: (error: unknown) => void) {
    this.#changed = changed;
    this.#failed = failed;
  }

  /** A file by its address; null: it is not known, or none of ours. */
  fileOf(uri: string): SourceFile | null {
    return this.#files.get(pathOf(uri)) ?? null;
  }

  /** All files of the cluster in this folder, in the order of their paths. */
  group(folder: string): readonly SourceFile[] {
    const group = this.#groups.get(folder);
    if (group === undefined) return [];
    group.order ??= [...group.files.keys()].sort();
    return group.order.flatMap((path) => group.files.get(path) ?? []);
  }

  /** All files of the cluster that a file belongs to, itself too. */
  groupOf(file: SourceFile): readonly SourceFile[] {
    return this.group(groupFolderOf(file.path));
  }

  get all(): readonly SourceFile[] {
    return [...this.#groups.keys()].sort().flatMap((folder) => this.group(folder));
  }

  get folders(): readonly string[] {
    return [...this.#groups.keys()];
  }

  isReading(folder: string): boolean {
    return this.#reading.has(folder) || this.#reading.has(everything);
  }

  /** Resolves when everything is read that was asked for, or after so many milliseconds. */
  async settledWithin(limit: number): Promise<void> {
    if (this.#pending.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    let isLate = false;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        isLate = true;
        resolve();
      }, limit);
    });
    while (this.#pending.size > 0 && !isLate) await Promise.race([Promise.all(this.#pending), late]);
    clearTimeout(timer);
  }

  /** A folder was opened in the editor. */
  addRoot(path: string): void {
    const root = withSlash(path);
    if (this.#roots.has(root)) return;
    this.#roots.add(root);
    this.#read(everything, () => filesBelow(path));
  }

  /** A folder was closed in the editor: what is below it is forgotten, but for what is open. */
  removeRoot(path: string): void {
    if (!this.#roots.delete(withSlash(path))) return;
    for (const file of this.#files.values()) {
      if (file.version === null && !this.#isWanted(file.path)) this.#remove(file);
    }
  }

  /** A document was opened or edited. */
  opened(document: TextDocument): void {
    const kind = kindOfDocument(document);
    if (kind === null) return;
    const path = pathOf(document.uri);
    const where = { uri: document.uri, path, kind };
    this.#put(new SourceFile(where, document.version, { text: document.getText() }));
    const folder = groupFolderOf(path);
    // Of a folder `modules` that is open by itself the cluster file lies above.
    if (this.#isBelowRoot(withSlash(folder)) || this.#alone.has(folder) || !document.uri.startsWith('file:')) return;
    this.#alone.add(folder);
    this.#read(folder, () => filesOfGroup(folder));
  }

  /** A document was closed: its file counts again, if there is one. */
  closed(uri: string): void {
    const file = this.fileOf(uri);
    if (file === null) return;
    const folder = groupFolderOf(file.path);
    // It stands for its file until that is read: the others would miss it for a moment otherwise.
    const closed = file.asClosed();
    this.#put(closed);
    if (!this.group(folder).some(({ version }) => version !== null)) this.#forgetAlone(folder);
    if (uri.startsWith('file:') && this.#isWanted(file.path)) this.#reread(file.path);
    else if (this.#files.get(file.path) === closed) this.#remove(closed);
  }

  /** A folder has come with all that is in it, such as one that was called otherwise before. */
  folderCame(uri: string): void {
    const path = pathOf(uri);
    if (this.#isBelowRoot(withSlash(path))) this.#read(everything, () => filesBelow(path));
  }

  /** A file, or a folder that held some, was written, created or deleted. One that is open counts as it is in the editor. */
  changedOnDisk(uri: string): void {
    const path = pathOf(uri);
    const below = withSlash(path);
    for (const file of this.#files.values()) {
      if (file.version === null && file.path.startsWith(below)) this.#reread(file.path);
    }
    if (kindOfUri(uri) !== null && this.#isWanted(path)) this.#reread(path);
  }

  #reread(path: string): void {
    if (this.#isOpen(path)) {
      this.#changed(groupFolderOf(path));
      return;
    }
    this.#track(async () => {
      const read = await readSourceFile(path);
      if (this.#isOpen(path)) return;
      const present = this.#files.get(path);
      if (read !== null && this.#isWanted(path)) this.#put(read);
      else if (present !== undefined) this.#remove(present);
    });
  }

  #read(what: string, list: () => Promise<readonly string[]>): void {
    this.#reading.set(what, (this.#reading.get(what) ?? 0) + 1);
    this.#track(async () => {
      try {
        const read = await readFiles(await list());
        // Meanwhile one may have been opened, which counts as it is in the editor, or the folder closed.
        for (const file of read) if (!this.#isOpen(file.path) && this.#isWanted(file.path)) this.#put(file);
      } finally {
        const left = (this.#reading.get(what) ?? 1) - 1;
        if (left > 0) this.#reading.set(what, left);
        else this.#reading.delete(what);
        // What has waited for this is looked at now, also where no file is left.
        this.#changed(what);
        if (what === everything) for (const folder of this.#groups.keys()) this.#changed(folder);
      }
    });
  }

  #track(work: () => Promise<void>): void {
    const done = work()
      .catch(this.#failed)
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  #put(file: SourceFile): void {
    const folder = groupFolderOf(file.path);
    let group = this.#groups.get(folder);
    if (group === undefined) this.#groups.set(folder, (group = { files: new Map(), order: null }));
    if (!group.files.has(file.path)) group.order = null;
    group.files.set(file.path, file);
    this.#files.set(file.path, file);
    this.#changed(folder);
  }

  #remove(file: SourceFile): void {
    const folder = groupFolderOf(file.path);
    const group = this.#groups.get(folder);
    this.#files.delete(file.path);
    if (group !== undefined) {
      group.files.delete(file.path);
      group.order = null;
      if (group.files.size === 0) this.#groups.delete(folder);
    }
    this.#changed(folder);
  }

  #forgetAlone(folder: string): void {
    if (!this.#alone.delete(folder)) return;
    for (const file of this.group(folder)) if (!this.#isWanted(file.path)) this.#remove(file);
  }

  #isOpen(path: string): boolean {
    const file = this.#files.get(path);
    return file !== undefined && file.version !== null;
  }

  #isBelowRoot(path: string): boolean {
    return [...this.#roots].some((root) => path.startsWith(root));
  }

  #isWanted(path: string): boolean {
    return this.#isBelowRoot(path) || this.#alone.has(groupFolderOf(path));
  }
}

/** No folder has this name. */
const everything = '\0';

function withSlash(path: string): string {
  return /[/\\]$/.test(path) ? path : `${path}${sep}`;
}
