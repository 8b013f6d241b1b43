import type { LogEntry } from '../../schemas/generated/api.ts';

/** Takes events away from this host. Never in the way of what makes them. */
export interface EventSink {
  add(entry: LogEntry): void;
  /** Resolves when all of them have left this host, or cannot for now. */
  delivered(): Promise<void>;
  close(): void;
}

/** Null: it works again; `lost`: how many events were given up since it worked last. */
export type OnTrouble = (reason: string | null, lost: number) => void;
