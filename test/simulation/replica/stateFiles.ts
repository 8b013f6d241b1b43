import type { MarkFileContent, MarkRecord, MarkStore } from '../../../agent/mirror/replica/markStore.ts';
import type { RecordPlace } from '../../../agent/mirror/replica/record.ts';
import { PowerLoss } from './powerLoss.ts';

/** What a state directory holds; null: no such file. */
export interface StateContent {
  readonly record: string | null;
  readonly marks: readonly [MarkFileContent | null, MarkFileContent | null];
}

const nothing: StateContent = { record: null, marks: [null, null] };

/** A replica's state directory, on a disk that may refuse what is to be durable, and may lose its power between two writes. */
export class StateFiles {
  /** After so many more writes; null: no such thing is planned. */
  powerGoesAfter: number | null = null;
  /** The power is gone: until the host boots again nothing is written. */
  isOff = false;
  #content = nothing;
  readonly #refuses: () => boolean;
  readonly #onPowerLoss: () => void;

  /** @param refuses whether nothing can be made durable just now */
  constructor(refuses: () => boolean, onPowerLoss: () => void) {
    this.#refuses = refuses;
    this.#onPowerLoss = onPowerLoss;
  }

  get content(): StateContent {
    return this.#content;
  }

  /** Another disk lies in the place of this one. @param content null: an empty one */
  replace(content: StateContent | null): void {
    this.#content = content ?? nothing;
  }

  readonly record: RecordPlace = {
    path: 'replica.json',
    read: () => this.#content.record,
    write: (record) => this.#write({ record }),
  };

  readonly marks: MarkStore = {
    read: (slot) => this.#content.marks[slot] ?? 'missing',
    write: (slot, generation, records) => this.#writeMarks(slot, { generation, records }),
    appender: (slot) => ({
      append: (records) => this.#append(slot, records),
      close: () => undefined,
    }),
  };

  #append(slot: 0 | 1, records: readonly MarkRecord[]): void {
    const { generation = 0, records: before = [] } = this.#content.marks[slot] ?? {};
    this.#writeMarks(slot, { generation, records: [...before, ...records] });
  }

  #writeMarks(slot: 0 | 1, content: MarkFileContent): void {
    const [a, b] = this.#content.marks;
    this.#write({ marks: slot === 0 ? [content, b] : [a, content] });
  }

  #write(content: Partial<StateContent>): void {
    if (this.isOff) throw new PowerLoss('the power is gone');
    if (this.#refuses()) throw Object.assign(new Error('EIO: input/output error'), { code: 'EIO' });
    this.#content = { ...this.#content, ...content };
    if (this.powerGoesAfter === null || (this.powerGoesAfter -= 1) > 0) return;
    this.powerGoesAfter = null;
    this.isOff = true;
    this.#onPowerLoss();
    throw new PowerLoss('the power is lost');
  }
}
