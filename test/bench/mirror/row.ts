import type { Lab } from '../../lab/harness/lab.ts';
import type { System } from './system.ts';

/** One line of the table: something that programs do with files. More is better. */
export interface Row {
  /** For `--rows`. */
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** What one measurement takes beside `--seconds`, roughly: for the time left before anything is known. */
  readonly extraSeconds: number;
  /** Makes what the measurements work on; once per system, before the first. */
  prepare(bench: Bench, system: System): Promise<void>;
  /** One measurement: so many of the unit per second. */
  measure(bench: Bench, system: System): Promise<number>;
  /** After the last measurement of a system. */
  finish?(bench: Bench, system: System): Promise<void>;
}

export interface Bench {
  readonly lab: Lab;
  /** How long one measurement goes on. */
  readonly seconds: number;
  /** A number that no other measurement has: for names of what it makes. */
  readonly nextNumber: () => number;
}
