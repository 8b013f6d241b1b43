import { sendLocal, setNonBlocking } from '../../platform/libc.ts';
import type { FuseNode } from './nodes.ts';

/** What a mirror process tells the keeper, in the order of its messages. Descriptors travel beside. */
export type ToKeeper =
  /** With the descriptor of /dev/fuse and that of the directory below. */
  | { readonly type: 'mounted'; readonly directory: string; readonly fsName: string; readonly connection: number }
  /** The kernel sends again what has no answer: another process can take the mount over. */
  | { readonly type: 'resumable' }
  /** With the descriptor of a file that has no name. */
  | { readonly type: 'hold'; readonly ino: number }
  | { readonly type: 'drop'; readonly ino: number }
  /** The mount must not, or cannot, be taken over any more. */
  | { readonly type: 'over' };

/** Sends one message; false when the keeper does not take it now, or is gone. */
export function tellKeeper(socketFd: number, message: ToKeeper, fds: readonly number[] = []): boolean {
  try {
    return sendLocal(socketFd, Buffer.from(JSON.stringify(message)), fds);
  } catch {
    return false;
  }
}

/** So many messages at a time are announced to the keeper; the socket takes more than ten times as many. */
const ANNOUNCED_EVERY = 16;
/** How long a keeper that does not take anything may hold programs up. */
const FULL_LIMIT_MS = 1000;
const RETRY_MS = 2;

/**
 * The dispatcher's side of the keeper: what has to outlive this process. Waits a moment for a keeper that is behind; what could not be kept
 * cannot be taken over.
 */
export class MountKeep {
  readonly #socketFd: number;
  readonly #announce: () => void;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  #unannounced = 0;
  #over = false;
  /** Called when this mount cannot be taken over any more. */
  onOver: () => void = () => undefined;

  /** @param announce lets the keeper, which does not listen all the time, take in what was sent to it */
  constructor(socketFd: number, announce: () => void) {
    this.#socketFd = socketFd;
    this.#announce = announce;
    setNonBlocking(socketFd, true);
  }

  resumable(): void {
    if (!this.#over) tellKeeper(this.#socketFd, { type: 'resumable' });
  }

  hold(node: FuseNode): void {
    node.kept = this.#tell({ type: 'hold', ino: node.ino }, [node.orphanFd]);
    if (!node.kept) this.over();
  }

  drop(node: FuseNode): void {
    node.kept = false;
    if (!this.#tell({ type: 'drop', ino: node.ino })) this.over();
  }

  #tell(message: ToKeeper, fds: readonly number[] = []): boolean {
    if (this.#over) return false;
    if (++this.#unannounced >= ANNOUNCED_EVERY) {
      this.#unannounced = 0;
      this.#announce();
    }
    if (tellKeeper(this.#socketFd, message, fds)) return true;
    this.#announce();
    for (const end = performance.now() + FULL_LIMIT_MS; performance.now() < end;) {
      Atomics.wait(this.#pause, 0, 0, RETRY_MS);
      if (tellKeeper(this.#socketFd, message, fds)) return true;
    }
    return false;
  }

  over(): void {
    if (this.#over) return;
    this.#over = true;
    // The keeper may not take this message either.
    this.onOver();
    tellKeeper(this.#socketFd, { type: 'over' });
  }
}
