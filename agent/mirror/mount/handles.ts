import { ErrnoError, close, errnos } from '../../platform/libc.ts';
import type { DirectoryEntry } from '../../platform/libc.ts';
import type { FuseNode } from './nodes.ts';

/** An open file or directory of the kernel, with our descriptor of what is below the mount. */
export interface Handle {
  readonly fd: number;
  readonly node: FuseNode;
  /** Whether `fd` was opened for writing. */
  readonly writable: boolean;
  /** Whether `fd` has O_DIRECT now. */
  direct: boolean;
  /** Of a directory: its entries as they were when it was read from the start. */
  entries: readonly DirectoryEntry[] | null;
}

/** Handles by the small numbers that the kernel names them with. */
export class HandleTable {
  readonly #handles: (Handle | undefined)[] = [];
  readonly #free: number[] = [];

  add(handle: Handle): number {
    if (!handle.node.isDirectory) handle.node.openFds.push(handle.fd);
    const reused = this.#free.pop();
    if (reused !== undefined) {
      this.#handles[reused] = handle;
      return reused;
    }
    return this.#handles.push(handle) - 1;
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
