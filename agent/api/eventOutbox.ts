import type { ChangedEvent, LogEntry } from '../../schemas/generated/api.ts';
import type { AgentFacade } from './facade.ts';

/** Log entries that may wait for a slow client. */
const longestLog = 5000;
const logEntriesPerEvent = 500;

/** Sends one notification; calls back when it is with the operating system. */
export type SendEvent = (method: 'cluster.changed' | 'log.appended', params: object, sent: () => void) => void;

/**
 * What a client is told without asking. One notification is under way at a time; changes that come meanwhile are merged into one, so
 * that a slow client gets fewer and newer changes and never costs more memory than one snapshot.
 */
export class EventOutbox {
  readonly #send: SendEvent;
  readonly #overflow: () => void;
  #changes: ChangedEvent | null = null;
  #log: LogEntry[] = [];
  #isSending = false;
  #unsubscribe: (() => void)[] = [];

  /** @param overflow called when the client is too slow even so. */
  constructor(send: SendEvent, overflow: () => void) {
    this.#send = send;
    this.#overflow = overflow;
  }

  /** A second subscription takes the place of the first one. */
  subscribe(facade: AgentFacade, withLog: boolean): void {
    this.close();
    this.#unsubscribe.push(
      facade.onChange((event) => {
        this.#changes = this.#changes === null ? event : mergeChanges(this.#changes, event);
        this.#schedule();
      }),
    );
    if (!withLog) return;
    this.#unsubscribe.push(
      facade.onLog((event) => {
        this.#log.push(...event.entries);
        if (this.#log.length > longestLog) this.#overflow();
        else this.#schedule();
      }),
    );
  }

  close(): void {
    for (const end of this.#unsubscribe) end();
    this.#unsubscribe = [];
    this.#changes = null;
    this.#log = [];
  }

  #schedule(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    // Behind the answer to the request that is being handled now, and together with what else happens in this turn.
    setImmediate(() => this.#sendNext());
  }

  #sendNext(): void {
    const done = (): void => this.#sendNext();
    if (this.#changes !== null) {
      const event = this.#changes;
      this.#changes = null;
      this.#send('cluster.changed', event, done);
    } else if (this.#log.length > 0) {
      this.#send('log.appended', { entries: this.#log.splice(0, logEntriesPerEvent) }, done);
    } else {
      this.#isSending = false;
    }
  }
}

/** Two changes as one: what the later one tells replaces what the earlier one told of the same host or module. */
export function mergeChanges(earlier: ChangedEvent, later: ChangedEvent): ChangedEvent {
  return {
    ...later,
    hosts: mergeByName(earlier.hosts, later.hosts),
    modules: mergeByName(earlier.modules, later.modules),
  };
}

function mergeByName<T extends { readonly name: string }>(earlier: readonly T[], later: readonly T[]): T[] {
  const merged = new Map(earlier.map((item) => [item.name, item]));
  for (const item of later) merged.set(item.name, item);
  return [...merged.values()];
}
