import { close, fstat, localPair, memoryFile, receiveLocal, sendLocal, setNonBlocking } from '../platform/libc.ts';
import type { Resumed } from './ipc.ts';
import type { ToKeeper } from './mount/keep.ts';

/** More processes than these in so long a time, and something is wrong that another one does not cure. */
const MOST_TAKE_OVERS = 5;
const WITHIN_MS = 60_000;
/** Where a mirror process finds what it inherits: behind standard input, output, error and the channel to the agent. */
const FIRST_INHERITED = 4;
/** Descriptors that travel in one message to the next process. */
const FILES_A_MESSAGE = 200;

/** What a process inherits, in the order of its descriptors, and how it is told of it. */
export interface Inheritance {
  readonly stdio: readonly number[];
  readonly inherited: { readonly journalFd: number; readonly keeperFd: number };
}

/** A process that may take over: it has its journal and its way to the keeper, and gets the rest when it is its turn. */
export interface Successor extends Inheritance {
  readonly socket: number;
}

/** What the keeper holds, for the program that takes the agent over. */
export interface HandedKeeper {
  readonly journalFd: number;
  readonly socket: number;
  readonly mount: Resumed['mount'] | null;
  readonly fuseFd: number;
  readonly backingFd: number;
  readonly files: readonly (readonly [ino: number, fd: number])[];
}

/**
 * Holds what has to outlive a mirror process: its mount, the journal of the mount, and files that are open and have no name any more. With
 * these another process goes on serving; the kernel sends it again what had no answer yet. When the agent itself dies, the mirror process
 * still holds everything, and takes it down in order.
 */
export class Keeper {
  readonly #journalFd: number;
  #socket = -1;
  #childSocket = -1;
  #mount: Resumed['mount'] | null = null;
  #fuseFd = -1;
  #backingFd = -1;
  #resumable = false;
  readonly #files = new Map<number, number>();
  #takenOverAt: readonly number[] = [];

  /** @param handed what an earlier program of this process held */
  constructor(module: string, handed: HandedKeeper | null = null) {
    if (handed === null) {
      this.#journalFd = memoryFile(`understudy:${module}`);
      [this.#socket, this.#childSocket] = this.#pair();
      return;
    }
    this.#journalFd = handed.journalFd;
    this.#socket = handed.socket;
    this.#mount = handed.mount;
    this.#fuseFd = handed.fuseFd;
    this.#backingFd = handed.backingFd;
    this.#resumable = handed.mount !== null;
    for (const [ino, fd] of handed.files) this.#files.set(ino, fd);
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

  /** Whether another process can go on with what the present one serves. Everything that it sent has to be taken in. */
  get isResumable(): boolean {
    return this.#resumable;
  }

  /** How much the next process has to read: what is punched out of the journal does not count. */
  get journalBytes(): number {
    return fstat(this.#journalFd).blocks * 512;
  }

  /** As {@link isResumable}, and whether it should. */
  get canResume(): boolean {
    const since = performance.now() - WITHIN_MS;
    this.#takenOverAt = this.#takenOverAt.filter((at) => at > since);
    return this.#resumable && this.#takenOverAt.length < MOST_TAKE_OVERS;
  }

  /** What a first process inherits. */
  forFirst(): Inheritance {
    return this.#inheritance(this.#childSocket);
  }

  #inheritance(childSocket: number): Inheritance {
    return {
      stdio: [this.#journalFd, childSocket],
      inherited: { journalFd: FIRST_INHERITED, keeperFd: FIRST_INHERITED + 1 },
    };
  }

  /** What a process inherits that may take over. {@link startedNext} once it is started. */
  forNext(): Successor & { readonly childSocket: number } {
    const [socket, childSocket] = this.#pair();
    return { ...this.#inheritance(childSocket), socket, childSocket };
  }

  /** Its turn has come: the process before it has ended. Gives it the mount, and what belongs to that. */
  handTo({ socket }: Successor, held: boolean): Resumed {
    this.#takenOverAt = [...this.#takenOverAt, performance.now()];
    close(this.#socket);
    this.#socket = socket;
    const fds = [this.#fuseFd, this.#backingFd, ...this.#files.values()];
    for (let at = 0; at < fds.length; at += FILES_A_MESSAGE) {
      if (!sendLocal(socket, Buffer.from('.'), fds.slice(at, at + FILES_A_MESSAGE))) {
        throw new Error('the next process does not take the open files');
      }
    }
    return { mount: this.#mount as Resumed['mount'], kept: [...this.#files.keys()], held };
  }

  /** The first process has its own descriptors now. */
  started(): void {
    if (this.#childSocket !== -1) close(this.#childSocket);
    this.#childSocket = -1;
  }

  /** For a program that takes the agent over. Everything that the mirror process sent has to be taken in, or waits in the socket. */
  handOver(): HandedKeeper {
    return {
      journalFd: this.#journalFd,
      socket: this.#socket,
      mount: this.#resumable ? this.#mount : null,
      fuseFd: this.#fuseFd,
      backingFd: this.#backingFd,
      files: [...this.#files],
    };
  }

  close(): void {
    this.letGo();
    close(this.#journalFd);
    close(this.#socket);
    this.started();
  }
}

/** The descriptors in what a keeper hands over. */
export function descriptorsOf({ journalFd, socket, mount, fuseFd, backingFd, files }: HandedKeeper): readonly number[] {
  return [journalFd, socket, ...(mount ? [fuseFd, backingFd] : []), ...files.map(([, fd]) => fd)];
}
