import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { LabHost } from './host.ts';

/** Which host has which address, as the hosts' kernels tell it from moment to moment. */
export class AddressWatch {
  readonly #processes: ChildProcess[] = [];
  readonly #holders = new Map<string, Set<string>>();
  /** When each address was set last, on whichever host, milliseconds of the clock that all processes share. */
  readonly #set = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  /** Moments at which two hosts had one address. */
  readonly twice: string[] = [];
  /** Addresses that were removed, in their order, with the host. */
  readonly removed: string[] = [];

  constructor(
    hosts: readonly LabHost[],
    private readonly addresses: readonly string[],
  ) {
    for (const { name, station } of hosts) {
      const child = spawn('ip', ['-n', station.namespace, 'monitor', 'address'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      this.#processes.push(child);
      createInterface({ input: child.stdout }).on('line', (line) => this.#receive(name, line));
    }
  }

  /** The hosts that have an address now. */
  holders(address: string): readonly string[] {
    return [...(this.#holders.get(address) ?? [])];
  }

  /** When the address was set last; null when that was before the moment. */
  lastSet(address: string, sinceMs: number): number | null {
    const moment = this.#set.get(address) ?? -Infinity;
    return moment < sinceMs ? null : moment;
  }

  async until(what: string, isTrue: () => boolean, timeoutMs = 30_000): Promise<void> {
    if (isTrue()) return;
    let look = (): void => undefined;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`after ${timeoutMs / 1000} s it is still not true that ${what}`)),
        timeoutMs,
      );
      look = () => {
        if (!isTrue()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.add(look);
    }).finally(() => this.#waiters.delete(look));
  }

  end(): void {
    for (const child of this.#processes) child.kill('SIGKILL');
  }

  #receive(host: string, line: string): void {
    const address = this.addresses.find((each) => line.includes(` ${each}/`));
    if (address === undefined) return;
    const holders = this.#holders.get(address) ?? new Set<string>();
    this.#holders.set(address, holders);
    if (line.startsWith('Deleted')) {
      holders.delete(host);
      this.removed.push(`${address} from ${host}`);
    } else if (!holders.has(host)) {
      // What is set again to live on is not new.
      holders.add(host);
      this.#set.set(address, Number(process.hrtime.bigint()) / 1e6);
    }
    if (holders.size > 1) this.twice.push(`${new Date().toISOString()} ${address} on ${[...holders].join(' and ')}`);
    for (const look of this.#waiters) look();
  }
}
