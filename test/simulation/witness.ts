import { SharedRoom } from '../../agent/arbiter/recordRoom.ts';
import { readRecord } from '../../agent/arbiter/recordText.ts';
import type { WitnessMethod } from '../../agent/arbiter/witness.ts';
import type { ArbiterRecord } from '../../agent/core/types.ts';
import { ClusterRecords } from '../../agent/witness/clusterRecords.ts';
import { RecordDisk, type WriteStep } from './recordDisk.ts';
import type { Surroundings } from './surroundings.ts';

/** What happens to the witness when it writes a record the next time. */
export interface Stroke {
  /** Before that step, or before it answers. */
  readonly before: WriteStep | 'answer';
  /** What was not settled may be gone; otherwise only its program is. */
  readonly losesPower: boolean;
  /** After that time it runs again. */
  readonly downMs: number;
  readonly onUp: () => void;
}

/** The witness is gone in the middle of what it did: nobody is answered. */
class Gone extends Error {
  override readonly name = 'Gone';
}

/** A witness of one cluster: the agent's own, on a disk of its own, which crashes, forgets and remembers wrongly. */
export class Witness {
  /** Of its program: what was sent to one goes with its connections. */
  life = 0;
  /** The step that its disk refuses; null: it takes everything. */
  refuses: WriteStep | null = null;
  #isUp = true;
  #hasWritten = false;
  #stroke: Stroke | null = null;
  #records: ClusterRecords;
  readonly #disk = new RecordDisk((step) => this.#writes(step));
  readonly #world: Surroundings;
  readonly #onRestart: () => void;

  /** @param onRestart is told that every connection to it is gone */
  constructor(world: Surroundings, onRestart: () => void) {
    this.#world = world;
    this.#onRestart = onRestart;
    this.#records = this.#open();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** What lies on its disk. */
  get text(): string | null {
    return this.#disk.read();
  }

  /** What lies on its disk, whether or not anybody was told of it. */
  get record(): ArbiterRecord | null {
    return this.text === null ? null : readRecord(this.text, 'the disk of the witness').record;
  }

  /** It runs, or is off: by a loss of power, or because its program has ended. */
  set(isUp: boolean, losesPower = true): void {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (!isUp && losesPower) this.#disk.losesPower(this.#world.random);
    this.#restart();
  }

  /** Its disk holds something else. */
  replace(text: string | null): void {
    this.#disk.replace(text);
    this.#restart();
  }

  /** @param stroke null: nothing happens any more */
  lieInWait(stroke: Stroke | null): void {
    this.#stroke = stroke;
  }

  /** What its program answers, as text on the connection; null: nothing, as it is gone. */
  answer(question: string): string | null {
    const { method, params } = JSON.parse(question) as { method: WitnessMethod; params: Record<string, unknown> };
    this.#hasWritten = false;
    try {
      const answer = this.#records.answer(method, params);
      if (this.#hasWritten) this.#strike('answer');
      return JSON.stringify({ answer });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return error instanceof Gone ? null : JSON.stringify({ error: error.message });
    }
  }

  #open(): ClusterRecords {
    return new ClusterRecords('site', this.#disk, this.#disk.has() ? ['web'] : [], new SharedRoom());
  }

  #restart(): void {
    this.life += 1;
    this.#records = this.#open();
    this.#onRestart();
  }

  #writes(step: WriteStep): void {
    this.#hasWritten ||= step === 'put';
    this.#strike(step);
    if (this.refuses === step) throw new Error('EIO: input/output error');
  }

  #strike(before: Stroke['before']): void {
    const stroke = this.#stroke;
    if (stroke?.before !== before || !this.#hasWritten) return;
    this.#stroke = null;
    const { clock, trace } = this.#world;
    trace(`the witness ${stroke.losesPower ? 'loses power' : 'is killed'} before ${before} of a record`);
    this.set(false, stroke.losesPower);
    clock.after(stroke.downMs, () => {
      this.set(true);
      stroke.onUp();
    });
    throw new Gone();
  }
}
