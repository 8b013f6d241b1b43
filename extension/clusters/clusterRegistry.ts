import { Emitter } from '../client/emitter.ts';
import type { Registration } from '../client/emitter.ts';
import { messageOf } from '../client/errors.ts';
import type { StoreChange } from '../model/clusterStore.ts';
import type { Tokens } from '../secrets.ts';
import type { AddedProfiles } from './addedProfiles.ts';
import { ClusterSession } from './clusterSession.ts';
import type { ClusterProfile } from './profile.ts';

/** Writes to the output channel. */
export interface ClusterLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}

export interface RegistryOptions {
  readonly added: AddedProfiles;
  readonly tokens: Tokens;
  /** Every cluster that may be connected now, read anew each time. */
  readonly profiles: () => Promise<readonly ClusterProfile[]>;
  /** Program and version, for the agents' logs. */
  readonly client: string;
  readonly log: ClusterLog;
}

/** A change of one cluster; `change` null: only its connection. */
export interface ClusterChange {
  readonly session: ClusterSession;
  readonly change: StoreChange | null;
}

/** Every cluster that the editor knows. */
export class ClusterRegistry {
  readonly onChange = new Emitter<ClusterChange>();
  /** Clusters came or went. */
  readonly onList = new Emitter<void>();
  readonly #options: RegistryOptions;
  #sessions: readonly ClusterSession[] = [];
  /** How many views show each cluster; `null` is all of them. */
  readonly #viewers = new Set<{ readonly id: string | null }>();
  #loading: Promise<void> = Promise.resolve();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get sessions(): readonly ClusterSession[] {
    return this.#sessions;
  }

  find(id: string): ClusterSession | undefined {
    return this.#sessions.find((session) => session.profile.id === id);
  }

  /** Brings the sessions in line with the profiles; sessions whose profile is as before stay connected. */
  reload(): Promise<void> {
    const reloaded = this.#loading.then(() => this.#reload());
    // What keeps this one from its end does not keep the next one from being tried.
    this.#loading = reloaded.catch((error: unknown) => this.#options.log.warn(`reload: ${messageOf(error)}`));
    return reloaded;
  }

  /** Connects to a cluster anew, at once. One that is set up by a file may have been put right since. */
  async reconnect(id: string): Promise<void> {
    await this.reload();
    this.find(id)?.reconnect();
  }

  /** Takes over that the token of a cluster was entered or removed, and perhaps its cluster with it. */
  async tokenChanged(id: string): Promise<void> {
    await this.reload();
    const session = this.find(id);
    if (session?.state.kind === 'blocked' && session.state.problem === 'token') session.reconnect();
  }

  /**
   * Says that a view shows a cluster, or all of them. Only clusters that somebody looks at are reconnected.
   *
   * @returns what ends the looking
   */
  attend(id: string | null): Registration {
    const viewer = { id };
    this.#viewers.add(viewer);
    this.#spreadAttention();
    return {
      dispose: () => {
        this.#viewers.delete(viewer);
        this.#spreadAttention();
      },
    };
  }

  dispose(): void {
    for (const session of this.#sessions) session.dispose();
    this.#sessions = [];
    this.onChange.dispose();
    this.onList.dispose();
  }

  async #reload(): Promise<void> {
    const profiles = await this.#options.profiles();
    const known = this.#sessions;
    const before = new Map(known.map((session) => [JSON.stringify(session.profile), session]));
    this.#sessions = profiles.map((profile) => {
      const same = before.get(JSON.stringify(profile));
      if (same !== undefined) before.delete(JSON.stringify(profile));
      return same ?? this.#open(profile);
    });
    for (const gone of before.values()) gone.dispose();
    // Whoever shows the same clusters as before need not draw them anew.
    if (
      known.length > 0 &&
      known.length === profiles.length &&
      this.#sessions.every((each, at) => each === known[at])
    ) {
      return;
    }
    this.#spreadAttention();
    this.onList.emit();
  }

  #open(profile: ClusterProfile): ClusterSession {
    const { added, tokens, client, log } = this.#options;
    const session = new ClusterSession(profile, added.learnt(profile.id), {
      client,
      token: () => tokens.get(profile),
      tokenFile: profile.tokenFile,
      log: (level, message) => log[level](`${profile.name}: ${message}`),
    });
    session.onChange.on((change) => this.onChange.emit({ session, change }));
    session.onLearnt.on((addresses) => void added.remember(profile.id, addresses));
    if (profile.problem !== null) log.warn(`${profile.name}: ${profile.problem}`);
    return session;
  }

  #spreadAttention(): void {
    for (const session of this.#sessions) {
      const attended = [...this.#viewers].some(({ id }) => id === null || id === session.profile.id);
      session.setAttended(attended);
    }
  }
}
