import { readRange } from './etcdAnswers.ts';
import type { EtcdMembers } from './etcdMembers.ts';

/** Between two looks while etcd answers, and while it does not, milliseconds. */
const everyMs = 2000;
const againMs = 1000;

export interface EtcdWatchOptions {
  readonly members: EtcdMembers;
  readonly prefix: string;
  /** Done before each look: what changed in files is used from then on. Does not reject. */
  readonly refresh: () => Promise<void>;
  /** It holds something else than before: an older copy was restored, or another cluster is there. */
  readonly onReplaced: () => void;
}

/**
 * Asks etcd now and then, so that operators learn that it is gone before it is needed, and that the connection and the log-in stand when
 * it is: a log-in takes etcd a tenth of a second.
 */
export class EtcdWatch {
  readonly #options: EtcdWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  #lookedAt = 0;
  #seen: { readonly clusterId: string; readonly storeRevision: bigint } | null = null;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
  }

  /** Resolves after the first look, whatever it found. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#lookIfDue(), againMs);
    await this.#look();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#options.members.close();
  }

  #lookIfDue(): void {
    const isDue = performance.now() - this.#lookedAt >= everyMs || !this.#options.members.reachable;
    if (isDue) void this.#look();
  }

  async #look(): Promise<void> {
    const { members, prefix, refresh, onReplaced } = this.#options;
    this.#lookedAt = performance.now();
    await refresh();
    // Any key below the prefix: what the user may read.
    const key = Buffer.from(`${prefix}/`, 'utf8').toString('base64');
    try {
      const range = await members.ask(async (member, signal) =>
        readRange(await member.ask('/v3/kv/range', { key }, signal)),
      );
      const { clusterId } = range;
      const storeRevision = BigInt(range.storeRevision);
      const before = this.#seen;
      this.#seen = { clusterId, storeRevision };
      if (before !== null && (before.clusterId !== clusterId || before.storeRevision > storeRevision)) onReplaced();
    } catch {
      // Why, and since when, the members tell of themselves.
    }
  }
}
