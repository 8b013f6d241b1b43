import { ErrnoError, O_ACCMODE, O_DIRECT, close, errnos, statusFlags } from '../../platform/libc.ts';
import type { DirectoryEntry } from '../../platform/libc.ts';
import { Note, type JournalNote, type MountJournal } from './journal.ts';
import type { FuseNode } from './nodes.ts';

/** An open file or directory of the kernel, with our descriptor of what is below the mount. */
export interface Handle {
  readonly fd: number;
  readonly node: FuseNode;
  /** Whether `fd` was opened for writing. */
  readonly writable: boolean;
  /** Whether direct I/O is passed on to the file below: as the mount said when it was opened. */
  readonly keepsDirect: boolean;
  /** Whether `fd` has O_DIRECT now. */
  direct: boolean;
  /** Of a directory: its entries as they were when it was read from the start. */
  entries: readonly DirectoryEntry[] | null;
}

/** What an earlier process had open, by its notes. */
export class OpenedHandles {
  readonly byNumber = new Map<number, readonly [nodeId: number, flags: number]>();

  replay({ kind, numbers }: JournalNote): void {
    const [number = 0, nodeId = 0, flags = 0] = numbers;
    if (kind === Note.open) this.byNumber.set(number, [nodeId, flags]);
    else if (kind === Note.close) this.byNumber.delete(number);
  }
}

/** Handles by the small numbers that the kernel names them with. */
export class HandleTable {
  readonly #handles: (Handle | undefined)[] = [];
  readonly #free: number[] = [];
  /** Told of every change of the table that the next process must know. */
  journal: MountJournal | null = null;

  add(handle: Handle): number {
    if (!handle.node.isDirectory) handle.node.openFds.push(handle.fd);
    const number = this.#free.pop() ?? this.#handles.length;
    this.#handles[number] = handle;
    if (this.journal) this.#note(this.journal, number, handle);
    return number;
  }

  #note(journal: MountJournal, number: number, handle: Handle): void {
    journal.note(Note.open, [number, handle.node.id, statusFlags(handle.fd)]);
  }

  snapshot(journal: MountJournal): void {
    this.#handles.forEach((handle, number) => {
      if (handle !== undefined) this.#note(journal, number, handle);
    });
  }

  /** Opens again what an earlier process had open; `open` returns null for what is lost. */
  restore(
    { byNumber: was }: OpenedHandles,
    open: (nodeId: number, flags: number) => { node: FuseNode; fd: number } | null,
  ) {
    let length = 0;
    for (const [number, [nodeId, flags]] of was) {
      length = Math.max(length, number + 1);
      const opened = open(nodeId, flags);
      if (opened === null) continue;
      const { node, fd } = opened;
      if (!node.isDirectory) node.openFds.push(fd);
      const writable = (flags & O_ACCMODE) !== 0;
      const direct = (flags & O_DIRECT) !== 0;
      // What one was opened as that has no O_DIRECT is not in the notes: the page cache can serve whatever comes.
      this.#handles[number] = { fd, node, writable, keepsDirect: direct, direct, entries: null };
    }
    for (let number = 0; number < length; number++) {
      // One that is lost stays taken until the kernel closes it.
      if (!was.has(number)) {
        this.#handles[number] = undefined;
        this.#free.push(number);
      }
    }
  }

  /** Throws EBADF for a number that is not in use. */
  get(number: number): Handle {
    const handle = this.#handles[number];
    if (handle === undefined) throw new ErrnoError(errnos.EBADF, 'fuse handle');
    return handle;
  }

  /** Closes a handle and returns it. */
  remove(number: number): Handle {
    const handle = this.get(number);
    this.#handles[number] = undefined;
    this.#free.push(number);
    this.journal?.note(Note.close, [number]);
    const fds = handle.node.openFds;
    const at = fds.indexOf(handle.fd);
    if (at !== -1) fds.splice(at, 1);
    close(handle.fd);
    return handle;
  }

  /** Closes everything. */
  clear(): void {
    for (const handle of this.#handles) if (handle !== undefined) close(handle.fd);
    this.#handles.length = 0;
    this.#free.length = 0;
  }
}
