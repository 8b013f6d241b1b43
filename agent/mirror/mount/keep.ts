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

/** The dispatcher's side of the keeper: what has to outlive this process. Never waits; what could not be kept cannot be taken over. */
export class MountKeep {
  readonly #socketFd: number;
  #over = false;
  /** Called when this mount cannot be taken over any more. */
  onOver: () => void = () => undefined;

  constructor(socketFd: number) {
    this.#socketFd = socketFd;
    setNonBlocking(socketFd, true);
  }

  resumable(): void {
    if (!this.#over) tellKeeper(this.#socketFd, { type: 'resumable' });
  }

  hold(node: FuseNode): void {
    node.kept = tellKeeper(this.#socketFd, { type: 'hold', ino: node.ino }, [node.orphanFd]);
    if (!node.kept) this.over();
  }

  drop(node: FuseNode): void {
    node.kept = false;
    if (!tellKeeper(this.#socketFd, { type: 'drop', ino: node.ino })) this.over();
  }

  over(): void {
    if (this.#over) return;
    this.#over = true;
    // The keeper may not take this message either.
    this.onOver();
    tellKeeper(this.#socketFd, { type: 'over' });
  }
}
