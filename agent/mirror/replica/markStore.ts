/** Extents of a file; the whole file; everything (nothing can be told from the marks any more). */
export const MarkKind = { extents: 1, whole: 2, everything: 3 } as const;

export interface MarkRecord {
  readonly kind: number;
  readonly ino: number;
  /** First extent (1 MiB) and how many. */
  readonly first: number;
  readonly count: number;
}

export interface MarkFileContent {
  readonly generation: number;
  readonly records: readonly MarkRecord[];
}

/** Appends records, each durable before `append` returns. */
export interface MarkAppender {
  /** @throws Node's file errors (ENOSPC, EIO): nothing may be changed then. */
  append(records: readonly MarkRecord[]): void;
  close(): void;
}

/** Where the marks of a replica are kept: two generations of them, each in a slot of its own. What is written is durable. */
export interface MarkStore {
  /** A text says why what is there cannot be trusted. */
  read(slot: 0 | 1): MarkFileContent | string;
  /** Replaces atomically what is in a slot. @throws Node's file errors */
  write(slot: 0 | 1, generation: number, records: readonly MarkRecord[]): void;
  /** Goes on behind the records that `write` has just put there. @throws Node's file errors */
  appender(slot: 0 | 1, records: number): MarkAppender;
}
