import { Emitter } from '../client/emitter.ts';
import type { Registration } from '../client/emitter.ts';
import { messageOf } from '../client/errors.ts';
import { withPlainLines } from '../model/lensFacts.ts';
import type { ClusterLog, ClusterRegistry } from './clusterRegistry.ts';
import type { ClusterSession } from './clusterSession.ts';

/** What one version of a cluster's files holds. */
interface Held {
  readonly version: number;
  /** Texts by file names; null: still being read, or it could not be. */
  files: ReadonlyMap<string, string> | null;
}

/**
 * The texts that the hosts of each cluster run by: read when somebody asks for one, once for each version, and forgotten with the
 * connection.
 */
export class RunningFiles {
  /** More is known of a cluster than before. */
  readonly onChange = new Emitter<void>();
  readonly #held = new WeakMap<ClusterSession, Held>();
  readonly #log: ClusterLog;
  readonly #registration: Registration;

  constructor(registry: ClusterRegistry, log: ClusterLog) {
    this.#log = log;
    this.#registration = registry.onChange.on(({ session }) => {
      // Agents that were restarted may run by what lay in their folders, under the same number.
      if (!session.connected) this.#held.delete(session);
    });
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
      held = { version, files: null };
      this.#held.set(session, held);
      void this.#read(session, held);
    }
    return held.files === null ? undefined : (held.files.get(name) ?? null);
  }

  dispose(): void {
    this.#registration.dispose();
    this.onChange.dispose();
  }

  async #read(session: ClusterSession, held: Held): Promise<void> {
    try {
      const { files } = await session.request('configuration.read', { number: held.version });
      held.files = new Map(files.map(({ name, text }): [string, string] => [name, withPlainLines(text)]));
      // A newer one may have come meanwhile.
      if (this.#held.get(session) === held) this.onChange.emit();
    } catch (error) {
      const what = `version ${String(held.version)} of its files could not be read`;
      this.#log.debug(`${session.profile.name}: ${what}: ${messageOf(error)}`);
    }
  }
}
