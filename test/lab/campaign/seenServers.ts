import type { HostName } from '../harness/lab.ts';
import type { ModuleName } from './modules.ts';

/** A module's virtual server, by its process. */
export interface RunningServer {
  readonly pid: number;
  readonly host: HostName;
  readonly module: ModuleName;
}

/** More than one server of a module. */
export interface Twice {
  /** A moment seen counts for the whole time since the look before it, milliseconds. */
  readonly ms: number;
  /** Where they ran when it was seen last, one for each server. */
  readonly hosts: readonly HostName[];
}

/** On whichever hosts. */
export function areTwice(seen: readonly RunningServer[]): boolean {
  return new Set(seen.map(({ module }) => module)).size < seen.length;
}

/** What one look after the other tells of the modules' servers. */
export class SeenServers {
  #running: readonly RunningServer[] = [];
  readonly #twice = new Map<ModuleName, Twice>();

  /** @param gapMs since the look before */
  take(running: readonly RunningServer[], gapMs: number): void {
    this.#running = running;
    for (const module of new Set(running.map((server) => server.module))) {
      const hosts = this.of(module).map(({ host }) => host);
      if (hosts.length > 1) this.#twice.set(module, { ms: (this.#twice.get(module)?.ms ?? 0) + gapMs, hosts });
    }
  }

  of(module: ModuleName): readonly RunningServer[] {
    return this.#running.filter((server) => server.module === module);
  }

  /** Since it was asked last; null when there never was more than one. */
  takeTwice(module: ModuleName): Twice | null {
    const twice = this.#twice.get(module) ?? null;
    this.#twice.delete(module);
    return twice;
  }
}
