import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildGuest, type GuestImages } from '../guest/build.ts';
import { compareTrees } from '../guest/compareTrees.ts';
import { makeDisk } from '../guest/disk.ts';
import { checkRecords, type RecordVerdict } from '../guest/records.ts';
import { lastNumber, readSerial } from '../guest/serialLog.ts';
import { ClusterView } from './clusterView.ts';
import type { LabHost } from './host.ts';
import { type HostName, Lab } from './lab.ts';
import { LabError } from './labError.ts';
import {
  clusterFile,
  type GuestModule,
  mirrorDirectory,
  serialLog,
  webModule,
  webModuleFile,
  type WebModuleOptions,
} from './webModule.ts';

export type PairName = Extract<HostName, 'alpha' | 'beta'>;
export const pair: readonly PairName[] = ['alpha', 'beta'];

export function otherOf(host: PairName): PairName {
  return host === 'alpha' ? 'beta' : 'alpha';
}

export interface LabClusterOptions extends WebModuleOptions {
  /** Told each step. */
  readonly log?: (line: string) => void;
  /** Done on each host of the pair, once the virtual server's directory is there and before an agent starts. */
  readonly beforeAgents?: (host: LabHost) => Promise<void>;
  /** Done on each host whenever it has been switched on, before its agent starts. */
  readonly afterPower?: (host: LabHost) => Promise<void>;
  /** The arbiter of the cluster file; the default is gamma as the witness. */
  readonly arbiter?: object | 'none';
  /** How hosts are powered off, by the cluster file. */
  readonly fence?: (lab: Lab) => object;
  /** Whether the hosts' clocks on the wall can be set: LabHost.setClock. */
  readonly settableClocks?: boolean;
  /** Modules beside `web`, with the same options. */
  readonly furtherModules?: readonly GuestModule[];
}

const apiPort = 4810;
const yearMs = 365 * 24 * 3_600_000;

/** A lab with agents on its hosts, enrolled as an operator would do it, and the module `web` around the guest. */
export class LabCluster {
  private constructor(
    readonly lab: Lab,
    readonly view: ClusterView,
    /** The folder with the cluster file and the module file that an editor opens. */
    readonly workspace: string,
    private readonly afterPower: ((host: LabHost) => Promise<void>) | undefined,
  ) {}

  /** Resolves when all agents run and know one another; the module is stopped. */
  static async create(options: LabClusterOptions = {}): Promise<LabCluster> {
    const log = options.log ?? ((): void => undefined);
    log('building the guest');
    const guest = await buildGuest();
    log('making the networks and the hosts alpha, beta and gamma');
    const lab = await Lab.create();
    try {
      const workspace = path.join(lab.directory, 'workspace');
      await mkdir(workspace);
      await writeFile(path.join(workspace, 'site.cluster.jsonc'), clusterFile(options.arbiter, options.fence?.(lab)));
      const modules = [webModule, ...(options.furtherModules ?? [])];
      for (const module of modules) {
        await writeFile(path.join(workspace, `${module.name}.module.jsonc`), webModuleFile(options, module));
        await installGuest(lab, module, guest);
      }
      for (const name of pair) await options.beforeAgents?.(lab.host(name));
      const setClocks = async (aheadMs: number): Promise<void> => {
        if (options.settableClocks) for (const host of lab.hosts) await host.setClock(aheadMs);
      };
      // A cluster has lived for a while before somebody sets a clock back: no certificate of it begins later than that.
      await setClocks(-yearMs);
      for (const host of lab.hosts) await options.afterPower?.(host);
      const view = await enrolAll(lab, workspace, log);
      await setClocks(0);
      const cluster = new LabCluster(lab, view, workspace, options.afterPower);
      log('waiting until the agents know one another');
      await cluster.waitForAgents();
      return cluster;
    } catch (error) {
      lab.destroy();
      throw error;
    }
  }

  host(name: HostName): LabHost {
    return this.lab.host(name);
  }

  /** Every agent answers and hears every other. */
  waitForAgents(names: readonly HostName[] = ['alpha', 'beta', 'gamma'], timeoutMs = 30_000): Promise<void> {
    return waitForAgents(this.view, names, timeoutMs);
  }

  /** The host whose own agent says that it serves the module, null without one. */
  primary(): PairName | null {
    return pair.find((name) => ['PRIM', 'ALONE'].includes(this.view.replica(name, 'web')?.state ?? '')) ?? null;
  }

  /** The module's guest runs on `host`, whether or not there is a secondary. */
  isServing(host: PairName): boolean {
    const replica = this.view.replica(host, 'web');
    return replica !== null && ['PRIM', 'ALONE'].includes(replica.state) && replica.server.state === 'running';
  }

  /** Primary on `host`, secondary on the other, both ready, in sync by the arbiter's record. */
  isHealthy(primary: PairName): boolean {
    const one = this.view.replica(primary, 'web');
    const other = this.view.replica(otherOf(primary), 'web');
    const inSync = this.view.module(primary, 'web')?.inSync ?? [];
    return (
      one?.state === 'PRIM' &&
      one.transition === null &&
      one.server.state === 'running' &&
      other?.state === 'SECOND' &&
      other.transition === null &&
      inSync.length === 2
    );
  }

  waitUntilServing(host: PairName, timeoutMs = 60_000): Promise<void> {
    return this.view.waitFor(`the guest runs on ${host}`, () => this.isServing(host), timeoutMs);
  }

  waitUntilHealthy(primary: PairName, timeoutMs = 120_000): Promise<void> {
    const what = `${primary} is the primary of a healthy pair`;
    return this.view.waitFor(what, () => this.isHealthy(primary), timeoutMs);
  }

  waitUntilStopped(timeoutMs = 60_000): Promise<void> {
    const isDone = (): boolean => pair.every((name) => this.view.replica(name, 'web')?.state === 'STOP');
    return this.view.waitFor('the module is stopped on both hosts', isDone, timeoutMs);
  }

  /** Starts the module and waits for the healthy pair. */
  async startModule(primary: PairName = 'alpha'): Promise<void> {
    await this.view.request(primary, 'module.start', { module: 'web' });
    await this.waitUntilHealthy(primary);
  }

  /** Power loss of a host; returns its moment, milliseconds of Date.now(). */
  async powerLoss(name: HostName): Promise<number> {
    const moment = await this.host(name).powerLoss();
    this.view.drop(name);
    return moment;
  }

  /** Power and, as a real machine's service manager would, the agent. */
  async powerOn(name: HostName): Promise<void> {
    await this.host(name).powerOn();
    await this.afterPower?.(this.host(name));
    await this.host(name).startAgent();
  }

  /** A host that is switched off is gone for good: another machine of its name and its addresses joins, as README says. */
  async replaceMachine(name: Exclude<HostName, 'alpha'>): Promise<void> {
    const [alpha, host] = [this.host('alpha'), this.host(name)];
    await host.replace();
    if (name === 'beta') await mkdir(host.outside(mirrorDirectory), { recursive: true });
    await host.powerOn();
    await this.afterPower?.(host);
    const made = JSON.parse(await alpha.runUnderstudy(['token', 'join', '--host', name, '--json'])) as JoinLine;
    await enrol(host, alpha.address('lan'), made.token);
  }

  serialLogs(): readonly string[] {
    return pair.map((name) => this.host(name).outside(serialLog));
  }

  /** Number of the last record that the guest reported as durable on this host, 0 without one. */
  async lastRecord(name: PairName): Promise<number> {
    return lastNumber(await readSerial(this.host(name).outside(serialLog)));
  }

  /** Every start of a guest there has been, on whichever host, by an id that it drew for itself. */
  async guestIds(): Promise<readonly string[]> {
    const reports = await Promise.all(this.serialLogs().map(readSerial));
    return reports.flatMap(({ boots }) => boots.map(({ id }) => id));
  }

  /** Waits until the guest reports `more` further records on this host. Returns the moment of the report. */
  async waitForRecords(name: PairName, more: number, timeoutMs = 60_000): Promise<number> {
    const before = await this.lastRecord(name);
    const end = Date.now() + timeoutMs;
    while ((await this.lastRecord(name)) < before + more) {
      if (Date.now() > end) {
        const serial = await readSerial(this.host(name).outside(serialLog));
        const said = `${serial.acknowledged.length} records, ${serial.boots.length} boots on its console there`;
        throw new LabError(
          `The guest wrote no ${more} records on ${name} in ${timeoutMs / 1000} s (${said}).\n${this.view.describe()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return Date.now();
  }

  /** A replica's own files as the host sees them: for a stopped module, as a running mirror covers them. */
  replicaDirectory(name: PairName): string {
    return this.host(name).throughRoot(mirrorDirectory);
  }

  /** The guest's disk beneath the mirror, whether or not it runs; for hosts that keep the directory on their own disk. */
  image(name: PairName): string {
    return path.join(this.host(name).outside(mirrorDirectory), 'disk.raw');
  }

  /** Stops the module, then judges the records on both replicas and compares these. */
  async stopAndJudge(): Promise<{ verdicts: readonly RecordVerdict[]; differences: readonly string[] }> {
    const asked = pair.find((name) => this.view.snapshot(name) !== null) ?? 'alpha';
    await this.view.request(asked, 'module.stop', { module: 'web' });
    await this.waitUntilStopped();
    return this.judge();
  }

  /** For a stopped module. */
  async judge(): Promise<{ verdicts: readonly RecordVerdict[]; differences: readonly string[] }> {
    const verdicts: RecordVerdict[] = [];
    for (const name of pair) {
      verdicts.push(await checkRecords(path.join(this.replicaDirectory(name), 'disk.raw'), this.serialLogs()));
    }
    const differences = await compareTrees(this.replicaDirectory('alpha'), this.replicaDirectory('beta'));
    return { verdicts, differences };
  }

  destroy(): void {
    this.view.close();
    this.lab.destroy();
  }
}

/** Every agent answers and hears every other. */
export function waitForAgents(view: ClusterView, names: readonly HostName[], timeoutMs = 30_000): Promise<void> {
  const isDone = (): boolean =>
    names.every((name) => {
      const snapshot = view.snapshot(name);
      const seen = snapshot?.hosts.filter((host) => host.reachable).map((host) => host.name) ?? [];
      return names.every((other) => other === name || seen.includes(other));
    });
  return view.waitFor(`the agents of ${names.join(', ')} hear one another`, isDone, timeoutMs);
}

/** Makes a cluster of the lab's hosts, with the files of a workspace, as an operator would do it, and starts the agents. */
export async function enrolAll(lab: Lab, workspace: string, log: (line: string) => void): Promise<ClusterView> {
  log('alpha: understudy init');
  for (const { host, token } of await enrolFirst(lab, workspace)) {
    log(`${host}: understudy join with a one-time token`);
    await enrol(lab.host(host as HostName), lab.host('alpha').address('lan'), token);
  }
  return new ClusterView(
    lab,
    lab.hosts.map((host) => ({
      name: host.name,
      address: host.address('lan'),
      port: apiPort,
      tokenFile: host.outside('/var/lib/understudy/local.token'),
      authorityFile: host.outside('/etc/understudy/tls/ca.crt'),
    })),
  );
}

/** Where the operator's own token is kept: a path on the real machine. */
export function clientTokenFile(lab: Lab): string {
  return path.join(lab.directory, 'client.token');
}

interface JoinLine {
  readonly host: string;
  readonly token: string;
}

/** The virtual server's files, on the host on which it is to start first. */
async function installGuest(lab: Lab, module: GuestModule, guest: GuestImages): Promise<void> {
  for (const name of pair) await mkdir(lab.host(name).outside(module.directory), { recursive: true });
  const home = lab.host(module.hosts[0] as HostName).outside(module.directory);
  await copyFile(guest.kernel, path.join(home, 'vmlinuz'));
  await copyFile(guest.initrd, path.join(home, 'initrd.gz'));
  await makeDisk(path.join(home, 'disk.raw'));
}

/** alpha makes the cluster: its authority, its own certificate, the operator's token, and a one-time token for each other host. */
async function enrolFirst(lab: Lab, workspace: string): Promise<readonly JoinLine[]> {
  const alpha = lab.host('alpha');
  const clusterFile = path.join(workspace, 'site.cluster.jsonc');
  const answer = await alpha.runUnderstudy(['init', '--host', 'alpha', '--cluster', clusterFile, '--json']);
  const modules = alpha.outside('/etc/understudy/modules');
  await mkdir(modules, { recursive: true });
  for (const file of await readdir(workspace)) {
    if (file.endsWith('.module.jsonc')) await copyFile(path.join(workspace, file), path.join(modules, file));
  }
  const token = ['--name', 'operator', '--role', 'admin', '--output', clientTokenFile(lab)];
  await alpha.runUnderstudy(['token', 'create', ...token]);
  await alpha.startAgent();
  return (JSON.parse(answer) as { join: readonly JoinLine[] }).join;
}

/** Another host joins with its token. The first host's agent may still be starting: then the token is not used up. */
async function enrol(host: LabHost, server: string, token: string): Promise<void> {
  const end = Date.now() + 15_000;
  for (;;) {
    const result = await host.understudy(['join', '--server', server, '--token', token]);
    if (result.code === 0) break;
    if (Date.now() > end) throw new LabError(`${host.name} cannot join: ${result.stderr}${result.stdout}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await host.startAgent();
}
