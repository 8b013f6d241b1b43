import { readlinkSync } from 'node:fs';
import { guestProcesses, type LabHost } from '../harness/host.ts';
import type { HostName } from '../harness/lab.ts';
import type { ModuleName } from './modules.ts';

/** How often it looks, milliseconds. */
const intervalMs = 40;

interface Running {
  readonly pid: number;
  readonly host: HostName;
}

/** Which host runs each module's server, by the processes of all hosts and by nothing that agents say. */
export class ServerWatch {
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #running = new Map<string, readonly Running[]>();
  readonly #overlapMs = new Map<string, number>();

  constructor(
    private readonly hosts: readonly LabHost[],
    private readonly modules: readonly ModuleName[],
  ) {
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  /** The host that runs the module's server, null without one. */
  hostOf(module: ModuleName): HostName | null {
    return this.#running.get(module)?.[0]?.host ?? null;
  }

  /** kill -9 of the module's server. Whether there was one. */
  kill(module: ModuleName): boolean {
    this.#look();
    const running = this.#running.get(module) ?? [];
    for (const { pid } of running) process.kill(pid, 'SIGKILL');
    return running.length > 0;
  }

  /** For how long a module ran on two hosts since it was asked last; a moment seen counts for the whole time since the last look. */
  takeOverlapMs(module: ModuleName): number {
    const overlap = this.#overlapMs.get(module) ?? 0;
    this.#overlapMs.set(module, 0);
    return Math.round(overlap);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const gap = now - this.#last;
    this.#last = now;
    const hostOf = this.#hostsByNamespace();
    const guests = guestProcesses().flatMap((guest) => {
      const host = hostOf.get(guest.pidNamespace);
      return host === undefined ? [] : [{ ...guest, host }];
    });
    for (const module of this.modules) {
      // The name that QEMU shows: its arguments end at zero bytes.
      const running = guests.filter(({ commandLine }) => commandLine.includes(`guest=understudy-${module}\0`));
      this.#running.set(module, running);
      const places = new Set(running.map(({ host }) => host));
      if (places.size > 1) this.#overlapMs.set(module, (this.#overlapMs.get(module) ?? 0) + gap);
    }
  }

  #hostsByNamespace(): ReadonlyMap<string, HostName> {
    const found = new Map<string, HostName>();
    for (const host of this.hosts.filter(({ isOn }) => isOn)) {
      try {
        found.set(readlinkSync(`/proc/${host.firstPid}/ns/pid`), host.name as HostName);
      } catch {
        // It is losing its power.
      }
    }
    return found;
  }
}
