import type { ResolvedAgent, ResolvedCluster, ResolvedHost, ResolvedModule } from '../../schemas/defaults.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Files } from '../config/versions.ts';

/** What this agent runs by now: whoever asks it anew each time follows a change of the files. */
export class CurrentConfiguration implements Configuration {
  #now: Configuration;

  constructor(first: Configuration) {
    this.#now = first;
  }

  become(next: Configuration): void {
    this.#now = next;
  }

  /** As it is now, whatever comes. */
  get now(): Configuration {
    return this.#now;
  }

  get directory(): string {
    return this.#now.directory;
  }

  get agent(): ResolvedAgent {
    return this.#now.agent;
  }

  get cluster(): ResolvedCluster {
    return this.#now.cluster;
  }

  get self(): ResolvedHost {
    return this.#now.self;
  }

  get others(): readonly ResolvedHost[] {
    return this.cluster.hosts.filter(({ name }) => name !== this.self.name);
  }

  get modules(): readonly ResolvedModule[] {
    return this.#now.modules;
  }

  get version(): number {
    return this.#now.version;
  }

  get files(): Files {
    return this.#now.files;
  }
}
