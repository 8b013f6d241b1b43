import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { LabHost } from './host.ts';
import { LabError } from './labError.ts';

/** Which host has which address, as the hosts' kernels tell it from moment to moment. */
export class AddressWatch {
  readonly #process: ChildProcessByStdio<null, Readable, null>;
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
    const names = new Map(hosts.map(({ name, station }) => [numberOf(station.namespace), name]));
    // One process for all hosts: it hears of each change in the order in which the kernel made them.
    this.#process = spawn('ip', ['monitor', 'all-nsid', 'address'], { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const [, number, said = ''] = /^\[nsid (\d+)\]\s*(.*)/.exec(line) ?? [];
      const name = names.get(Number(number));
      if (name !== undefined) this.#receive(name, said);
    });
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
    this.#process.kill('SIGKILL');
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

/** By what number this machine's own name space of networks knows another one. */
function numberOf(namespace: string): number {
  const known = (): string | undefined =>
    execFileSync('ip', ['netns', 'list-id'], { encoding: 'utf8' })
      .split('\n')
      .find((line) => line.endsWith(`name: ${namespace})`));
  if (known() === undefined) execFileSync('ip', ['netns', 'set', namespace, 'auto']);
  const number = /^nsid (\d+)/.exec(known() ?? '')?.[1];
  if (number === undefined) throw new LabError(`The name space ${namespace} has no number.`);
  return Number(number);
}
