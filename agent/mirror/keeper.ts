import { close, localPair, memoryFile, receiveLocal, setNonBlocking } from '../platform/libc.ts';
import type { Resumed } from './ipc.ts';
import type { ToKeeper } from './mount/keep.ts';

/** More processes than these in so long a time, and something is wrong that another one does not cure. */
const MOST_TAKE_OVERS = 5;
const WITHIN_MS = 60_000;
/** Where a mirror process finds what it inherits: behind standard input, output, error and the channel to the agent. */
const FIRST_INHERITED = 4;

type MountPlace = Omit<Resumed['mount'], 'fuseFd' | 'backingFd'>;

/** What a process inherits, in the order of its descriptors, and how it is told of it. */
export interface Inheritance {
  readonly stdio: readonly number[];
  readonly inherited: { readonly journalFd: number; readonly keeperFd: number };
  readonly resumed: Resumed | null;
}

/**
 * Holds what has to outlive a mirror process: its mount, the journal of the mount, and files that are open and have no name any more. With
 * these another process goes on serving; the kernel sends it again what had no answer yet. When the agent itself dies, the mirror process
 * still holds everything, and takes it down in order.
 */
export class Keeper {
  readonly #journalFd: number;
  #socket: number;
  #childSocket: number;
  #mount: MountPlace | null = null;
  #fuseFd = -1;
  #backingFd = -1;
  #resumable = false;
  readonly #files = new Map<number, number>();
  #takenOverAt: readonly number[] = [];

  constructor(module: string) {
    this.#journalFd = memoryFile(`understudy:${module}`);
    [this.#socket, this.#childSocket] = this.#pair();
  }

  #pair(): readonly [number, number] {
    const [socket, childSocket] = localPair();
    setNonBlocking(socket, true);
    return [socket, childSocket];
  }

  /** Takes in what the mirror process has sent. Cheap when that is nothing. */
  listen(): void {
    for (;;) {
      let message: ReturnType<typeof receiveLocal>;
      try {
        message = receiveLocal(this.#socket);
      } catch {
        // What came with the message is lost, such as when there are too many open files.
        this.letGo();
        return;
      }
      if (message === null || message === 'ended') return;
      this.#take(JSON.parse(message.bytes.toString('utf8')) as ToKeeper, message.fds);
    }
  }

  #take(message: ToKeeper, fds: readonly number[]): void {
    switch (message.type) {
      case 'mounted': {
        const { directory, fsName, connection } = message;
        this.letGo();
        [this.#fuseFd = -1, this.#backingFd = -1] = fds;
        this.#mount = { directory, fsName, connection };
        return;
      }
      case 'resumable':
        this.#resumable = this.#mount !== null;
        return;
      case 'hold':
        this.#drop(message.ino);
        if (fds[0] !== undefined) this.#files.set(message.ino, fds[0]);
        return;
      case 'drop':
        this.#drop(message.ino);
        return;
      case 'over':
        this.letGo();
        return;
    }
  }

  #drop(ino: number): void {
    const fd = this.#files.get(ino);
    if (fd !== undefined) close(fd);
    this.#files.delete(ino);
  }

  #letGoOfMount(): void {
    if (this.#mount === null) return;
    close(this.#fuseFd);
    close(this.#backingFd);
    this.#mount = null;
    this.#resumable = false;
  }

  /** The mount ends with its process from now on. */
  letGo(): void {
    this.#letGoOfMount();
    for (const ino of [...this.#files.keys()]) this.#drop(ino);
  }

  /** Whether another process can, and should, go on with what the last one served. Everything that it sent has to be taken in. */
  get canResume(): boolean {
    const since = performance.now() - WITHIN_MS;
    this.#takenOverAt = this.#takenOverAt.filter((at) => at > since);
    return this.#resumable && this.#takenOverAt.length < MOST_TAKE_OVERS;
  }

  /** What a first process inherits. */
  forFirst(): Inheritance {
    return {
      stdio: [this.#journalFd, this.#childSocket],
      inherited: { journalFd: FIRST_INHERITED, keeperFd: FIRST_INHERITED + 1 },
      resumed: null,
    };
  }

  /** What a process inherits that takes over from one that has ended. */
  forNext(held: boolean): Inheritance {
    this.#takenOverAt = [...this.#takenOverAt, performance.now()];
    close(this.#socket);
    if (this.#childSocket !== -1) close(this.#childSocket);
    [this.#socket, this.#childSocket] = this.#pair();
    const { stdio, inherited } = this.forFirst();
    const files = [...this.#files];
    const fuseFd = FIRST_INHERITED + stdio.length;
    const mount = { ...(this.#mount as MountPlace), fuseFd, backingFd: fuseFd + 1 };
    const kept = files.map(([ino], index) => [ino, fuseFd + 2 + index] as const);
    return {
      stdio: [...stdio, this.#fuseFd, this.#backingFd, ...files.map(([, fd]) => fd)],
      inherited,
      resumed: { mount, kept, held },
    };
  }

  /** The process has its own descriptors now. */
  started(): void {
    close(this.#childSocket);
    this.#childSocket = -1;
  }

  close(): void {
    this.letGo();
    close(this.#journalFd);
    close(this.#socket);
    if (this.#childSocket !== -1) close(this.#childSocket);
  }
}
