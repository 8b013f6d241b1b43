import { setTimeout as sleep } from 'node:timers/promises';
import type { ResolvedFence, ResolvedFenceDevice } from '../../schemas/resolvedFence.ts';
import { fence, FenceError, look } from './fenceAgent.ts';

export interface FencingOptions {
  readonly self: string;
  /** As the cluster file says now. */
  readonly fence: () => ResolvedFence | null;
  /** In the order of the cluster file. */
  readonly hosts: () => readonly string[];
  /** The hosts that this one may take a module over from. */
  readonly peers: () => readonly string[];
  /**
   * Whether `host` may be granted a module that runs here, and so may be about to fence this host.
   * @param since when this host was to fence `host`, by `performance.now()`
   */
  readonly mayFenceThis: (host: string, since: number) => boolean;
  /** Whether a module waits for `host` to be fenced. */
  readonly isWanted: (host: string) => boolean;
  readonly log: (level: 'info' | 'warn' | 'error', code: string, message: string) => void;
  readonly onChange: () => void;
}

/** How a host's devices were when this host looked at them last, and when it fenced it last. */
export interface FenceStatus {
  /** Null: not looked at yet. */
  readonly answers: boolean | null;
  readonly lookedAt: string | null;
  readonly reason: string | null;
  readonly lastFenced: { readonly at: string; readonly ok: boolean; readonly what: string } | null;
}

/** What a host has sent before it was fenced may be read so much later. */
const lastWordsMs = 2000;
/** While this host lets another one go first: how often it looks whether that is still needed. */
const lookAgainMs = 100;

const unknown: FenceStatus = { answers: null, lookedAt: null, reason: null, lastFenced: null };

/** Fences other hosts by the devices of the cluster file: one at a time and once for all modules, and looks whether the devices answer. */
export class HostFencing {
  readonly #options: FencingOptions;
  readonly #underWay = new Map<string, Promise<string>>();
  /** Hosts that somebody wants fenced whatever their modules want. */
  readonly #demanded = new Set<string>();
  readonly #fenced = new Map<string, { readonly at: number; readonly how: string }>();
  readonly #status = new Map<string, FenceStatus>();
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FencingOptions) {
    this.#options = options;
  }

  /** Looks at the devices of the hosts that it may have to fence, now and again and again; once more when the cluster file is another one. */
  start(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    const section = this.#options.fence();
    if (section === null || section.monitorMs === null) return;
    const lookAtAll = (): void => {
      for (const host of this.#watched) void this.#monitor(host);
    };
    this.#timer = setInterval(lookAtAll, section.monitorMs).unref();
    lookAtAll();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#closed.abort();
  }

  canFence(host: string): boolean {
    return this.#devices(host).length > 0;
  }

  /** Null: this host has nothing to do with it. How devices were that it does not look at any more counts for nothing; what it has done stays. */
  status(host: string): FenceStatus | null {
    const status = this.#status.get(host) ?? unknown;
    if (this.#watched.includes(host)) return status;
    return status.lastFenced && { ...unknown, lastFenced: status.lastFenced };
  }

  /**
   * Powers a host off, or resets it; resolves with how, when that is certain. Several modules may ask in the same moment, or one after the
   * other: a host that has not been heard since is not fenced again. What no module waits for any more is not begun.
   * @param again even so, and whatever modules wait for
   * @throws FenceError with what every device said
   */
  fence(host: string, again = false): Promise<string> {
    const before = again ? undefined : this.#fenced.get(host);
    if (before !== undefined) return Promise.resolve(before.how);
    if (again) this.#demanded.add(host);
    return this.#underWay.get(host) ?? this.#begin(host);
  }

  /** A host lives: what was done to it is over. */
  heard(host: string): void {
    const before = this.#fenced.get(host);
    if (before !== undefined && performance.now() - before.at > lastWordsMs) this.#fenced.delete(host);
  }

  /** What the devices of a host say, without harm to it. Resolves with text for people. @throws FenceError when one does not answer */
  async test(host: string): Promise<string> {
    const found = await Promise.all(
      this.#devices(host).map(async (device) => ({ device, result: await look(device, this.#closed.signal) })),
    );
    const silent = found.filter(({ result }) => !result.answers);
    this.#note(host, silent[0]?.result.reason ?? null);
    if (silent.length > 0) throw new FenceError(silent.map(({ result }) => result.reason).join('; '));
    return found
      .map(
        ({ device, result }) => `${device.agent} answers${result.power === null ? '' : `, power is ${result.power}`}`,
      )
      .join('; ');
  }

  #begin(host: string): Promise<string> {
    const running = this.#shoot(host).finally(() => {
      this.#underWay.delete(host);
      this.#demanded.delete(host);
    });
    this.#underWay.set(host, running);
    return running;
  }

  async #shoot(host: string): Promise<string> {
    await this.#yieldTo(host);
    const failures: string[] = [];
    for (const device of this.#devices(host)) {
      if (!this.#isWanted(host)) {
        throw new FenceError([...failures, 'no module waits for that now'].join('; '));
      }
      try {
        const how = await fence(device, this.#closed.signal);
        this.#fenced.set(host, { at: performance.now(), how });
        this.#noteFenced(host, true, how);
        return how;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    const what = failures.join('; ') || `the cluster file names no device for ${host}`;
    this.#noteFenced(host, false, what);
    throw new FenceError(what);
  }

  /**
   * Two hosts that were each granted a module of the other would power off each other. The later one in the cluster file gives the other as
   * long as that may need, and no longer than that may be so: its own module may be recorded alone in the next moment.
   */
  async #yieldTo(host: string): Promise<void> {
    const { self, mayFenceThis, log } = this.#options;
    const hosts = this.#options.hosts();
    const since = performance.now();
    const waitMs = this.#devices(self).reduce((sum, { timeoutMs }) => sum + timeoutMs, 0);
    if (waitMs === 0 || hosts.indexOf(host) > hosts.indexOf(self) || !mayFenceThis(host, since)) return;
    const seconds = String(Math.round(waitMs / 1000));
    log('warn', 'FENCE_YIELDS', `${host} may be about to fence this host: it goes first, for ${seconds} s at most`);
    const { signal } = this.#closed;
    do {
      const leftMs = since + waitMs - performance.now();
      if (leftMs <= 0) return;
      await sleep(Math.min(leftMs, lookAgainMs), undefined, { signal }).catch(() => undefined);
    } while (!signal.aborted && this.#isWanted(host) && mayFenceThis(host, since));
  }

  #isWanted(host: string): boolean {
    return this.#demanded.has(host) || this.#options.isWanted(host);
  }

  async #monitor(host: string): Promise<void> {
    const looks = await Promise.all(this.#devices(host).map((device) => look(device, this.#closed.signal)));
    if (this.#closed.signal.aborted) return;
    this.#note(host, looks.find(({ answers }) => !answers)?.reason ?? null);
  }

  #note(host: string, reason: string | null): void {
    const { log, onChange } = this.#options;
    const before = this.#status.get(host) ?? unknown;
    const answers = reason === null;
    this.#status.set(host, { ...before, answers, lookedAt: new Date().toISOString(), reason });
    if (!answers && before.answers !== false) {
      log('warn', 'FENCE_DEVICE_SILENT', `${host} could not be fenced now: ${reason}`);
    } else if (answers && before.answers === false) {
      log('info', 'FENCE_DEVICE_ANSWERS', `what fences ${host} answers again`);
    }
    onChange();
  }

  #noteFenced(host: string, ok: boolean, what: string): void {
    const lastFenced = { at: new Date().toISOString(), ok, what };
    this.#status.set(host, { ...(this.#status.get(host) ?? unknown), lastFenced });
    this.#options.onChange();
  }

  #devices(host: string): readonly ResolvedFenceDevice[] {
    return this.#options.fence()?.hosts.get(host) ?? [];
  }

  get #watched(): readonly string[] {
    return this.#options.peers().filter((host) => this.canFence(host));
  }
}
