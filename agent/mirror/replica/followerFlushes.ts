import { AsyncIo } from '../../platform/libc.ts';

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
  readonly #done: (session: number, frame: number, errno: number) => void;

  /** @param done called from {@link onEvent} with what a flush ended with, 0 for success */
  constructor(done: (session: number, frame: number, errno: number) => void) {
    this.#done = done;
  }

  /** Readable when {@link onEvent} shall be called; null where flushes are always waited for. */
  get eventFd(): number | null {
    return this.#io?.eventFd ?? null;
  }

  /** Starts fsync(2), which frame `frame` of a session asked for. Returns false when it has to be waited for. */
  begin(fd: number, session: number, frame: number): boolean {
    const number = this.#io === null ? undefined : this.#free.pop();
    if (this.#io === null || number === undefined) return false;
    if (this.#io.flush(number, fd, false) < 0) {
      this.#free.push(number);
      return false;
    }
    this.#underWay[number] = { session, frame };
    return true;
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
