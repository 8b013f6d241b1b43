import { AsyncIo, fdatasync, fsync } from '../../platform/libc.ts';
import { DiskPace } from '../diskPace.ts';

/** Flushes under way at a time; what is beyond waits in the follower's thread. */
const DEPTH = 64;

interface UnderWay {
  readonly session: number;
  readonly frame: number;
}

/** The flushes that a follower's disk is at work on while later frames are applied. */
export class FollowerFlushes {
  readonly #io = AsyncIo.open(DEPTH);
  readonly #underWay = new Array<UnderWay | null>(DEPTH).fill(null);
  readonly #free = Array.from({ length: DEPTH }, (_, number) => number);
  readonly #pace = new DiskPace();
  readonly #done: (session: number, frame: number, errno: number) => void;

  /** @param done called from {@link onEvent} with what a flush ended with, 0 for success */
  constructor(done: (session: number, frame: number, errno: number) => void) {
    this.#done = done;
  }

  /** Readable when {@link onEvent} shall be called; null where flushes are always waited for. */
  get eventFd(): number | null {
    return this.#io?.eventFd ?? null;
  }

  /**
   * Makes a file durable that frame `frame` of a session asked for.
   * @param nothingWaits there is nothing else to do: it is waited for here while the disk is fast
   * @returns whether it was only begun: the descriptor may be closed meanwhile
   * @throws ErrnoError of fsync(2)
   */
  flush(fd: number, datasync: boolean, session: number, frame: number, nothingWaits: boolean): boolean {
    const wait = () => (datasync ? fdatasync(fd) : fsync(fd));
    if (nothingWaits && this.#pace.try(wait)) return false;
    if (this.#begin(fd, datasync, session, frame)) return true;
    wait();
    return false;
  }

  #begin(fd: number, datasync: boolean, session: number, frame: number): boolean {
    const number = this.#io === null ? undefined : this.#free.pop();
    if (this.#io === null || number === undefined) return false;
    let begun = true;
    this.#io.flush(number, fd, datasync);
    this.#io.submit(() => (begun = false));
    if (begun) this.#underWay[number] = { session, frame };
    else this.#free.push(number);
    return begun;
  }

  onEvent(): void {
    this.#io?.clear();
    this.#io?.reap(false, (number, result) => {
      const flush = this.#underWay[number];
      this.#underWay[number] = null;
      this.#free.push(number);
      if (flush) this.#done(flush.session, flush.frame, Math.max(0, -result));
    });
  }

  /** Waits for those under way. */
  close(): void {
    this.#io?.close();
  }
}
