import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LabError } from './labError.ts';
import { addressOf, LabNetwork, type Station } from './network.ts';
import { LabHost } from './host.ts';
import { clearLeftovers, LabRegistry } from './registry.ts';
import { run } from './run.ts';

export type HostName = 'alpha' | 'beta' | 'gamma' | 'delta';

let labsMade = 0;

/**
 * Hosts and the operator's desk on one machine: alpha .1, beta .2, gamma .3, delta .4 on the lan 10.77.0.0/24, those that may run guests
 * also on the link 10.78.0.0/24, the operator at 10.77.0.100. No address of the lab is on the machine's own interfaces. Without delta
 * gamma is a witness and nothing else.
 */
export class Lab {
  readonly #registry: LabRegistry;
  readonly #hosts = new Map<HostName, LabHost>();
  #destroyed = false;

  private constructor(
    readonly prefix: string,
    registry: LabRegistry,
    /** A folder for the lab's files, removed with it. */
    readonly directory: string,
    readonly network: LabNetwork,
    private readonly operatorNamespace: string,
  ) {
    this.#registry = registry;
  }

  /** Clears what crashed labs left, then makes the networks and the hosts' disks and switches the hosts on. */
  static async create(names: readonly HostName[] = ['alpha', 'beta', 'gamma']): Promise<Lab> {
    const missing = whyNoLab();
    if (missing !== null) throw new LabError(missing);
    clearLeftovers();
    labsMade += 1;
    const prefix = `us${process.pid}${labsMade === 1 ? '' : `x${labsMade}`}`;
    const registry = new LabRegistry(prefix);
    const directory = mkdtempSync(path.join(os.tmpdir(), `understudy-lab-${prefix}-`));
    registry.addDirectory(directory);
    const network = new LabNetwork(prefix, registry);
    const lab = new Lab(prefix, registry, directory, network, `${prefix}-operator`);
    process.once('exit', lab.#onExit);
    try {
      await lab.#build(names);
    } catch (error) {
      lab.destroy();
      throw error;
    }
    return lab;
  }

  host(name: HostName): LabHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new LabError(`The lab has no host ${name}.`);
    return host;
  }

  get hosts(): readonly LabHost[] {
    return [...this.#hosts.values()];
  }

  /** The arguments that run a command at the operator's desk: on the lan, on no host. */
  get operatorPrefix(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.operatorNamespace}`, '--'];
  }

  /** Kills and removes everything the lab made. Synchronous, so that it also works while the process ends. Works twice. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    process.removeListener('exit', this.#onExit);
    this.#registry.clear();
  }

  /** Remembers a process that was started for the lab outside of the hosts, to be killed with it. */
  adopt(pid: number): void {
    this.#registry.addProcess(pid);
  }

  readonly #onExit = (): void => this.destroy();

  async #build(hostNames: readonly HostName[]): Promise<void> {
    await this.network.create();
    const stations = hostNames.map((name): Station & { name: HostName } => {
      const runsGuests = name !== 'gamma' || hostNames.includes('delta');
      return {
        name,
        number: ['alpha', 'beta', 'gamma', 'delta'].indexOf(name) + 1,
        networks: runsGuests ? ['lan', 'link'] : ['lan'],
        bridged: runsGuests,
        namespace: `${this.prefix}-${name}`,
      };
    });
    const names = stations.map((station) => `${addressOf(station, 'lan')} ${station.name}`);
    const hostsFile = ['127.0.0.1 localhost', ...names, ''].join('\n');
    for (const station of stations) {
      const disk = path.join(this.directory, 'hosts', station.name);
      const host = new LabHost(station, disk, this.network, this.#registry, hostsFile);
      this.#hosts.set(station.name, host);
      await this.network.addStation(station);
      await host.install();
      await host.powerOn();
    }
    await this.network.addStation({
      name: 'operator',
      number: 100,
      networks: ['lan'],
      bridged: false,
      namespace: this.operatorNamespace,
    });
    // The desk reaches its own services at 127.0.0.1.
    await run([...this.operatorPrefix, 'ip', 'link', 'set', 'lo', 'up']);
  }
}

/** What keeps this process from making a lab, with the line that helps; null when nothing does. */
export function whyNoLab(): string | null {
  if (process.platform !== 'linux') return 'The lab needs Linux: its hosts are Linux namespaces.';
  if (process.getuid?.() !== 0) {
    return 'The lab needs root: its hosts are network, mount and process namespaces, and the mirror is a mounted file system.';
  }
  return null;
}
