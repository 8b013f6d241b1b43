import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buildGuest } from '../guest/build.ts';
import { compareTrees } from '../guest/compareTrees.ts';
import { makeDisk } from '../guest/disk.ts';
import { checkRecords, type RecordVerdict } from '../guest/records.ts';
import { lastNumber, readSerial } from '../guest/serialLog.ts';
import type { ClusterView } from './clusterView.ts';
import { guestProcesses, type LabHost } from './host.ts';
import { type HostName, Lab } from './lab.ts';
import { enrolAll, waitForAgents } from './labCluster.ts';

export interface LabModule {
  readonly name: string;
  readonly hosts: readonly [HostName, HostName];
  /** A real guest that writes records; without, scripts that note where the module was started. */
  readonly guest?: true;
  /** How long the start script takes, seconds. */
  readonly startTakes?: number;
  /** More keys of the module file. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export interface ModulesClusterOptions {
  readonly hosts: readonly HostName[];
  readonly modules: readonly LabModule[];
  readonly witness: HostName | readonly HostName[];
  /** More keys of the cluster file. */
  readonly more?: Readonly<Record<string, unknown>>;
}

const directoryOf = (module: string): string => `/srv/vm/${module}`;
const serialOf = (module: string): string => `/var/log/${module}.serial.log`;

/** A lab with agents on its hosts and several modules, each of which starts by itself. */
export class ModulesCluster {
  private constructor(
    readonly lab: Lab,
    readonly view: ClusterView,
    private readonly modules: readonly LabModule[],
  ) {}

  /** Resolves when all agents run and know one another. */
  static async create({ hosts, modules, witness, more }: ModulesClusterOptions): Promise<ModulesCluster> {
    const lab = await Lab.create(hosts);
    try {
      const workspace = path.join(lab.directory, 'workspace');
      await mkdir(workspace);
      await writeFile(path.join(workspace, 'site.cluster.jsonc'), clusterFile(lab, witness, more));
      for (const module of modules) {
        await writeFile(path.join(workspace, `${module.name}.module.jsonc`), moduleFile(module));
        for (const host of module.hosts) {
          await mkdir(lab.host(host).outside(directoryOf(module.name)), { recursive: true });
        }
        if (module.guest) await installGuest(lab.host(module.hosts[0]).outside(directoryOf(module.name)));
      }
      const view = await enrolAll(lab, workspace, () => undefined);
      await waitForAgents(view, hosts);
      return new ModulesCluster(lab, view, modules);
    } catch (error) {
      lab.destroy();
      throw error;
    }
  }

  host(name: HostName): LabHost {
    return this.lab.host(name);
  }

  async powerLoss(name: HostName): Promise<void> {
    await this.host(name).powerLoss();
    this.view.drop(name);
  }

  async powerOn(name: HostName): Promise<void> {
    await this.host(name).powerOn();
    await this.host(name).startAgent();
    await waitForAgents(
      this.view,
      this.lab.hosts.filter(({ isOn }) => isOn).map((host) => host.name as HostName),
    );
  }

  isServing(module: string, host: HostName): boolean {
    const replica = this.view.replica(host, module);
    return replica !== null && ['PRIM', 'ALONE'].includes(replica.state) && replica.server.state === 'running';
  }

  waitUntilServing(module: string, host: HostName): Promise<void> {
    return this.view.waitFor(`${module} runs on ${host}`, () => this.isServing(module, host));
  }

  /** Primary on `host`, and its other host in sync. */
  waitUntilWhole(module: string, host: HostName): Promise<void> {
    const isWhole = (): boolean => {
      const replica = this.view.replica(host, module);
      const isReady = replica?.state === 'PRIM' && replica.transition === null && replica.server.state === 'running';
      return isReady && this.view.module(host, module)?.inSync.length === 2;
    };
    return this.view.waitFor(`${module} runs on ${host} and has both hosts in sync`, isWhole, 120_000);
  }

  /** Waits until a module waits on a host for a reason, and returns it. */
  async waitUntilHeldBack(module: string, host: HostName): Promise<string> {
    const heldBack = (): string | null => this.view.replica(host, module)?.heldBack ?? null;
    await this.view.waitFor(`${module} is held back on ${host}`, () => heldBack() !== null);
    return heldBack() ?? '';
  }

  /** When each entry with a code came, for a module, on a host. */
  loggedAt(host: HostName, module: string, code: string): readonly number[] {
    return this.view.log
      .filter((entry) => entry.host === host && entry.module === module && entry.code === code)
      .map(({ time }) => Date.parse(time));
  }

  /** The hosts on which the scripts of a module were started, in order, as a host that does not serve it holds them. */
  async startsOf(module: string, holder: HostName): Promise<string[]> {
    const text = await readFile(path.join(this.host(holder).throughRoot(directoryOf(module)), 'starts'), 'utf8');
    return text.trim().split('\n');
  }

  /** Waits until a guest reports so many further records on a host. */
  async waitForRecords(module: string, host: HostName, more: number): Promise<void> {
    const last = async (): Promise<number> => lastNumber(await readSerial(this.host(host).outside(serialOf(module))));
    const before = await last();
    const end = Date.now() + 60_000;
    while ((await last()) < before + more) {
      if (Date.now() > end) throw new Error(`${module} wrote no ${String(more)} records on ${host} in 60 s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Stops a module and judges what its guest wrote, on both replicas, which have to be equal. */
  async stopAndJudge(name: string): Promise<{ verdicts: readonly RecordVerdict[]; differences: readonly string[] }> {
    const { hosts } = this.modules.find((module) => module.name === name) ?? { hosts: [] };
    const [first, second] = hosts;
    if (!first || !second) throw new Error(`There is no module ${name}.`);
    await this.view.request(first, 'module.stop', { module: name });
    const isStopped = (): boolean => hosts.every((host) => this.view.replica(host, name)?.state === 'STOP');
    await this.view.waitFor(`${name} is stopped on both hosts`, isStopped);
    const reports = hosts.map((host) => this.host(host).outside(serialOf(name)));
    const replicas = hosts.map((host) => this.host(host).throughRoot(directoryOf(name)));
    const verdicts = await Promise.all(replicas.map((each) => checkRecords(path.join(each, 'disk.raw'), reports)));
    const differences = await compareTrees(replicas[0] ?? '', replicas[1] ?? '');
    return { verdicts, differences };
  }

  destroy(): void {
    this.view.close();
    this.lab.destroy();
  }
}

/** Watches for two guests of one module at once, on whichever hosts, independent of anything that agents say. */
export class TwinWatch {
  readonly #timer: NodeJS.Timeout;
  /** Modules that were seen twice. */
  readonly twins = new Set<string>();

  constructor(modules: readonly string[]) {
    this.#timer = setInterval(() => this.#look(modules), 20);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(modules: readonly string[]): void {
    const lines = guestProcesses().map(({ pid }) => commandLine(pid));
    for (const module of modules) {
      if (lines.filter((line) => line.includes(serialOf(module))).length > 1) this.twins.add(module);
    }
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

async function installGuest(home: string): Promise<void> {
  const guest = await buildGuest();
  await copyFile(guest.kernel, path.join(home, 'vmlinuz'));
  await copyFile(guest.initrd, path.join(home, 'initrd.gz'));
  await makeDisk(path.join(home, 'disk.raw'), 32);
}

function clusterFile(lab: Lab, witness: HostName | readonly HostName[], more: object = {}): string {
  const hosts = lab.hosts.map((host) => [
    host.name,
    Object.fromEntries(host.station.networks.map((network) => [network, host.address(network)])),
  ]);
  return JSON.stringify({
    name: 'site',
    networks: { lan: {}, link: { replication: true } },
    hosts: Object.fromEntries(hosts) as object,
    arbiter: { witness },
    ...more,
  });
}

function moduleFile({ name, hosts, guest, startTakes = 0, more = {} }: LabModule): string {
  const starts = `${directoryOf(name)}/starts`;
  const start = `sleep ${String(startTakes)}; echo $UNDERSTUDY_HOST >> ${starts}; sync ${starts}`;
  const scripts = { start: ['/bin/sh', '-c', start], stop: ['/bin/true'] };
  const qemu = {
    memory: '96MiB',
    kernel: 'vmlinuz',
    initrd: 'initrd.gz',
    append: 'console=ttyS0 quiet panic=-1 noreplace-smp us.period=0.1',
    disks: [{ file: 'disk.raw' }],
    serial: serialOf(name),
    shutdownTimeout: '20s',
  };
  const server = guest ? { qemu } : { scripts };
  return JSON.stringify({ name, hosts, mirror: { directories: [directoryOf(name)] }, server, ...more });
}
