import { O_CLOEXEC, O_NONBLOCK } from './constants.ts';
import { errnos, negativeErrno, orThrow } from './errno.ts';
import { tryRead, tryWrite } from './files.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  poll: bind<(fds: Bytes, count: number, timeout: number) => number>('int poll(void *, uint64_t, int)'),
  eventfd: bind<(initial: number, flags: number) => number>('int eventfd(uint32_t, int)'),
  pipe2: bind<(fds: Bytes, flags: number) => number>('int pipe2(void *, int)'),
  fcntl: bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, int64_t)'),
};

/** poll(2) on a fixed set of descriptors. Make one, keep it: a call costs no allocation. */
export class Poll {
  readonly #bytes: Buffer;
  readonly #count: number;

  constructor(entries: readonly { readonly fd: number; readonly events: number }[]) {
    this.#count = entries.length;
    this.#bytes = Buffer.alloc(Math.max(1, entries.length) * 8);
    entries.forEach((entry, index) => {
      this.#bytes.writeInt32LE(entry.fd, index * 8);
      this.#bytes.writeInt16LE(entry.events, index * 8 + 4);
    });
  }

  /** Waits for at most `timeoutMs` (-1: for ever). Returns how many descriptors have something to say; 0 after an interrupted wait. */
  wait(timeoutMs: number): number {
    const ready = c.poll(this.#bytes, this.#count, timeoutMs);
    if (ready !== -1) return ready;
    const error = negativeErrno();
    if (error === -errnos.EINTR) {
      for (let index = 0; index < this.#count; index++) this.#bytes.writeInt16LE(0, index * 8 + 6);
      return 0;
    }
    return orThrow(-1, 'poll');
  }

  /** What the descriptor at `index` reported in the last {@link wait}: POLLIN and the like. */
  result(index: number): number {
    return this.#bytes.readInt16LE(index * 8 + 6);
  }
}

/** eventfd(2), non-blocking: wakes a thread that waits in poll. */
export function eventfd(): number {
  return orThrow(c.eventfd(0, O_CLOEXEC | O_NONBLOCK), 'eventfd');
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** Makes an eventfd readable. */
export function signalEvent(fd: number): void {
  tryWrite(fd, one);
}

/** Makes an eventfd unreadable again. Returns whether it had been signalled. */
export function clearEvent(fd: number): boolean {
  return tryRead(fd, Buffer.alloc(8)) === 8;
}

/** pipe2(2), close-on-exec. */
export function pipe(): { readonly readFd: number; readonly writeFd: number } {
  const fds = Buffer.alloc(8);
  orThrow(c.pipe2(fds, O_CLOEXEC), 'pipe2');
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}

const F_GETFL = 3;
const F_SETFL = 4;

/** fcntl(2). */
export function fcntl(fd: number, command: number, argument = 0): number {
  return orThrow(c.fcntl(fd, command, argument), 'fcntl');
}

/** The flags with which a descriptor was opened, and what was made of them since. */
export const statusFlags = (fd: number): number => fcntl(fd, F_GETFL);

/** Turns a status flag on or off (O_NONBLOCK, O_DIRECT, …); it belongs to the open file, shared by all its descriptors. */
export function setFlag(fd: number, flag: number, on: boolean): void {
  const flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, on ? flags | flag : flags & ~flag);
}

const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same open file. */
export const duplicate = (fd: number): number => fcntl(fd, F_DUPFD_CLOEXEC);

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Keeps a descriptor from the programs that this process starts, or with false lets the program have it that takes this process over. */
export function setCloseOnExec(fd: number, on = true): void {
  fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

/** Turns O_NONBLOCK on or off. */
export function setNonBlocking(fd: number, on: boolean): void {
  setFlag(fd, O_NONBLOCK, on);
}
