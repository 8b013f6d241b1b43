import { errnoName } from '../../platform/libc.ts';
import { describeError } from '../mirrorError.ts';
import { isLoss } from './diskLoss.ts';
import type { MainCaller } from './mainCall.ts';

/**
 * Whether the disk of this host has lost what it had taken. Kept by the dispatcher's thread and, durably, in the record: from then on no zone mark
 * is cleared, whatever the disk says later, since it forgets what it lost as soon as it has told of it.
 */
export class OwnDisk {
  readonly #main: MainCaller;
  #hasFailed: boolean;
  #recorded: boolean;

  /** @param hasFailed what the record says */
  constructor(main: MainCaller, hasFailed: boolean) {
    this.#main = main;
    this.#hasFailed = this.#recorded = hasFailed;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** A flush has ended. What it means is durable before the program that asked for it learns of it. */
  flushed(errno: number): void {
    if (!isLoss(errno)) return;
    this.#hasFailed = true;
    if (this.#recorded) return;
    try {
      this.#main.call({ op: 'diskFailed', code: errnoName(errno) });
      this.#recorded = true;
    } catch (error) {
      // Most likely on the same disk, where the marks can be cleared no more either.
      console.error(`That the disk has failed could not be recorded: ${describeError(error).message}`);
    }
  }

  /** The main thread has found it, and recorded it. */
  syncFailed(): void {
    this.#hasFailed = true;
  }
}
