import { readRange, type EtcdRange } from './etcdAnswers.ts';
import type { EtcdMember } from './etcdMember.ts';
import type { EtcdMembers } from './etcdMembers.ts';

/** Between two looks while etcd answers, and while it does not, milliseconds. */
const everyMs = 2000;
const againMs = 1000;

export interface EtcdWatchOptions {
  readonly members: EtcdMembers;
  readonly prefix: string;
  /** Begun with each look: what changed in files is used as soon as it is read. Does not reject. */
  readonly refresh: () => Promise<void>;
  /** It holds something else than before: an older copy was restored, or another cluster is there. */
  readonly onReplaced: () => void;
}

/**
 * Asks etcd now and then, so that operators learn that it is gone before it is needed, and that connections and the log-in stand when
 * it is: a log-in takes etcd a tenth of a second.
 */
export class EtcdWatch {
  readonly #options: EtcdWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  #lookedAt = 0;
  #isLooking = false;
  #isRefreshing = false;
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
    if (isDue && !this.#isLooking) void this.#look();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#lookedAt = performance.now();
    void this.#refresh();
    await this.#ask();
    this.#isLooking = false;
  }

  /** Nobody waits for it, and it is not begun twice: where a disk does not answer, each one would take a thread that look-ups of names need, too. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    await this.#options.refresh();
    this.#isRefreshing = false;
  }

  async #ask(): Promise<void> {
    const { members, prefix, onReplaced } = this.#options;
    // Any key below the prefix: what the user may read.
    const key = Buffer.from(`${prefix}/`, 'utf8').toString('base64');
    const range = async (member: EtcdMember, signal: AbortSignal): Promise<EtcdRange> =>
      readRange(await member.ask('/v3/kv/range', { key }, signal));
    try {
      const { clusterId, storeRevision: revision } = await members.ask(range);
      void members.askSpare(range);
      const storeRevision = BigInt(revision);
      const before = this.#seen;
      this.#seen = { clusterId, storeRevision };
      if (before !== null && (before.clusterId !== clusterId || before.storeRevision > storeRevision)) onReplaced();
    } catch {
      // Why, and since when, the members tell of themselves.
    }
  }
}
