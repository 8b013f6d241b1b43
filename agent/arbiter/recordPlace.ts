/** Where the records of one owner are kept, a text for each module. What fails throws the error of the place. */
export interface RecordPlace {
  /** Whether a text is in place. It never throws. */
  has(module: string): boolean;
  /** The text that is in place; null: there is none. */
  read(module: string): string | null;
  /** Puts a text in place as a whole. After a loss of power it is that one, or the one before, until it was settled. */
  put(module: string, text: string): void;
  /** When this returns, whatever is in place survives a loss of power. */
  settle(): void;
  /** What a text is read from, for messages. */
  nameOf(module: string): string;
}
