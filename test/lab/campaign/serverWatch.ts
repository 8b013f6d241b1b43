import { readlinkSync } from 'node:fs';
import { atOnce } from '../harness/atOnce.ts';
import { guestProcesses, type LabHost } from '../harness/host.ts';
import type { HostName } from '../harness/lab.ts';
import type { ModuleName } from './modules.ts';
import { areTwice, type RunningServer, SeenServers, type Twice } from './seenServers.ts';

/** How often it looks, milliseconds. */
const intervalMs = 40;

/** Which host runs each module's server, by the processes of all hosts and by nothing that agents say. */
export class ServerWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new SeenServers();
  #last = performance.now();

  constructor(
    private readonly hosts: readonly LabHost[],
    private readonly modules: readonly ModuleName[],
  ) {
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  /** The host that runs the module's server, null without one. */
  hostOf(module: ModuleName): HostName | null {
    return this.#seen.of(module)[0]?.host ?? null;
  }

  /** kill -9 of the module's server. Whether there was one. */
  kill(module: ModuleName): boolean {
    this.#look();
    const running = this.#seen.of(module);
    for (const { pid } of running) process.kill(pid, 'SIGKILL');
    return running.length > 0;
  }

  /** Whether the module had more than one server since it was asked last. */
  takeTwice(module: ModuleName): Twice | null {
    return this.#seen.takeTwice(module);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const gapMs = now - this.#last;
    this.#last = now;
    const hostOf = this.#hostsByNamespace();
    this.#seen.take(
      atOnce(() => this.#servers(hostOf), areTwice),
      gapMs,
    );
  }

  #servers(hostOf: ReadonlyMap<string, HostName>): readonly RunningServer[] {
    return guestProcesses().flatMap(({ pid, pidNamespace, commandLine }) => {
      const host = hostOf.get(pidNamespace);
      // The name that QEMU shows: its arguments end at zero bytes.
      const module = this.modules.find((each) => commandLine.includes(`guest=understudy-${each}\0`));
      return host === undefined || module === undefined ? [] : [{ pid, host, module }];
    });
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
