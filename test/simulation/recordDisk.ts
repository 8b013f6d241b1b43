import type { RecordPlace } from '../../agent/arbiter/recordPlace.ts';
import type { Random } from './random.ts';

export const writeSteps = ['put', 'settle'] as const;
export type WriteStep = (typeof writeSteps)[number];

/** The place of the record of the one module that there is, on a disk that may lose what was not settled. */
export class RecordDisk implements RecordPlace {
  /** What programs read. */
  #inPlace: string | null = null;
  /** What a loss of power may bring back. */
  #settled: string | null = null;
  readonly #before: (step: WriteStep) => void;

  /** @param before is called before each step of a write; the step does not take place when it throws */
  constructor(before: (step: WriteStep) => void) {
    this.#before = before;
  }

  has(): boolean {
    return this.#inPlace !== null;
  }

  read(): string | null {
    return this.#inPlace;
  }

  put(_module: string, text: string): void {
    this.#before('put');
    this.#inPlace = text;
  }

  settle(): void {
    this.#before('settle');
    this.#settled = this.#inPlace;
  }

  nameOf(module: string): string {
    return `${module}.json`;
  }

  /** Of what was not settled nobody knows whether it has reached the disk. */
  losesPower(random: Random): void {
    if (this.#inPlace !== this.#settled && random.next() < 0.5) this.#inPlace = this.#settled;
    this.#settled = this.#inPlace;
  }

  /** Somebody puts another disk, or what a copy of it held, in its place. */
  replace(text: string | null): void {
    this.#inPlace = text;
    this.#settled = text;
  }
}
