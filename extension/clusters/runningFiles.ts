import { backoff } from '../client/backoff.ts';
import { Emitter } from '../client/emitter.ts';
import type { Registration } from '../client/emitter.ts';
import { messageOf } from '../client/errors.ts';
import { withPlainLines } from '../model/lensFacts.ts';
import type { ClusterLog, ClusterRegistry } from './clusterRegistry.ts';
import type { ClusterSession } from './clusterSession.ts';

/** What one version of a cluster's files holds. */
interface Held {
  readonly version: number;
  /** Texts by file names; null: not read yet. */
  files: ReadonlyMap<string, string> | null;
  isReading: boolean;
  /** How often reading has failed. */
  failures: number;
  /** Runs while reading has failed and is not to be tried again yet. */
  pause: NodeJS.Timeout | null;
}

/**
 * The texts that the hosts of each cluster run by: read when somebody asks for one, once for each version, and forgotten with the
 * connection. When they cannot be read it is tried again after ever longer pauses, as long as somebody asks.
 */
export class RunningFiles {
  /** More is known of a cluster than before, or may be when it is asked for again. */
  readonly onChange = new Emitter<void>();
  readonly #held = new Map<ClusterSession, Held>();
  readonly #log: ClusterLog;
  readonly #registrations: readonly Registration[];

  constructor(registry: ClusterRegistry, log: ClusterLog) {
    this.#log = log;
    this.#registrations = [
      registry.onChange.on(({ session }) => {
        // Agents that were restarted may run by what lay in their folders, under the same number.
        if (!session.connected) this.#forget(session);
      }),
      registry.onList.on(() => {
        for (const session of [...this.#held.keys()]) {
          if (!registry.sessions.includes(session)) this.#forget(session);
        }
      }),
    ];
  }

  /**
   * The text that a cluster runs by, with `\n` at the end of each line.
   *
   * @param name such as `web.module.jsonc`
   * @returns null: it has no such file; undefined: it is not known, or not yet, or may not be read with this token
   */
  textOf(session: ClusterSession, name: string): string | null | undefined {
    const version = session.store.snapshot?.configuration?.version;
    if (version === undefined || !session.may('configuration.read')) return undefined;
    let held = this.#held.get(session);
    if (held?.version !== version) {
      this.#forget(session);
      held = { version, files: null, isReading: false, failures: 0, pause: null };
      this.#held.set(session, held);
    }
    if (held.files !== null) return held.files.get(name) ?? null;
    if (!held.isReading && held.pause === null) void this.#read(session, held);
    return undefined;
  }

  dispose(): void {
    for (const registration of this.#registrations) registration.dispose();
    for (const session of [...this.#held.keys()]) this.#forget(session);
    this.onChange.dispose();
  }

  #forget(session: ClusterSession): void {
    const pause = this.#held.get(session)?.pause ?? null;
    if (pause !== null) clearTimeout(pause);
    this.#held.delete(session);
  }

  async #read(session: ClusterSession, held: Held): Promise<void> {
    held.isReading = true;
    try {
      const { files } = await session.request('configuration.read', { number: held.version });
      held.files = new Map(files.map(({ name, text }): [string, string] => [name, withPlainLines(text)]));
      // A newer one may have come meanwhile.
      if (this.#held.get(session) === held) this.onChange.emit();
    } catch (error) {
      const what = `version ${String(held.version)} of its files could not be read`;
      this.#log.debug(`${session.profile.name}: ${what}: ${messageOf(error)}`);
      if (this.#held.get(session) === held) this.#tryLater(held);
    } finally {
      held.isReading = false;
    }
  }

  /** Whoever still wants to know asks again when it is told: of a file that nobody looks at any more nothing is read. */
  #tryLater(held: Held): void {
    held.pause = setTimeout(
      () => {
        held.pause = null;
        this.onChange.emit();
      },
      backoff(held.failures++, Math.random()),
    );
  }
}
