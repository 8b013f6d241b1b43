import { setTimeout as delay } from 'node:timers/promises';
import type { ApiMethod, ApiMethods } from '../../../schemas/apiMethods.ts';
import { etcdOnHosts, runsEtcd, startEtcd } from '../etcdOnHosts.ts';
import { lastNumber, readSerial, type SerialReport } from '../guest/serialLog.ts';
import type { LabHost } from '../harness/host.ts';
import type { HostName } from '../harness/lab.ts';
import { LabCluster, otherOf, pair, type PairName } from '../harness/labCluster.ts';
import type { GuestModule } from '../harness/webModule.ts';
import { AnswerWatch } from './answerWatch.ts';
import { HostDisks } from './hostDisks.ts';
import { HostLimits } from './hostLimits.ts';
import { campaignModuleOptions, campaignModules, db, type ModuleName } from './modules.ts';
import { ServerWatch } from './serverWatch.ts';
import { goOn, wakeEntrances } from './standstill.ts';
import type { ArbiterKind, Setting, Target } from './target.ts';

/** An agent answers within it, or says no. Milliseconds. */
const answerLimitMs = 90_000;
const supervisor = 'test/lab/harness/supervise.sh';

/** The hosts, their disks, the two modules, and those who watch them: what faults are brought about on. */
export class Site {
  /** One at a time for each host: switching it on and off, and starting its agent. */
  readonly #turns = new Map<HostName, Promise<void>>();
  readonly #ends = new Map<string, number[]>();
  readonly #twinMs = new Map<ModuleName, number>();
  #notes: string[] = [];

  private constructor(
    readonly cluster: LabCluster,
    readonly arbiter: ArbiterKind,
    readonly disks: HostDisks,
    readonly limits: HostLimits,
    readonly watch: ServerWatch,
    readonly answers: AnswerWatch,
  ) {}

  /** Hosts that are on, with agents that know one another; both modules are stopped. */
  static async create({ arbiter, detectionMs }: Setting, log: (line: string) => void): Promise<Site> {
    const disks = new HostDisks(arbiter);
    let cluster: LabCluster | null = null;
    try {
      cluster = await LabCluster.create({
        ...campaignModuleOptions(detectionMs),
        ...(arbiter === 'etcd' ? { arbiter: etcdOnHosts } : {}),
        furtherModules: [db],
        settableClocks: true,
        log,
        afterPower: async (host) => {
          await disks.mount(host);
          if (arbiter === 'etcd') await startEtcd(host);
        },
      });
      const { lab } = cluster;
      const names = campaignModules.map(({ name }) => name);
      const watch = new ServerWatch(lab.hosts, names);
      const limits = new HostLimits();
      const site = new Site(cluster, arbiter, disks, limits, watch, new AnswerWatch(lab, campaignModules));
      for (const host of lab.hosts) await limits.take(host);
      return site;
    } catch (error) {
      cluster?.destroy();
      await disks.remove();
      throw error;
    }
  }

  host(name: HostName): LabHost {
    return this.cluster.host(name);
  }

  nameOf(host: LabHost): HostName {
    return host.name as HostName;
  }

  /** The host that a target means at this moment. */
  hostOf({ role, module }: Target): HostName {
    if (role === 'third') return 'gamma';
    const primary =
      this.watch.hostOf(module) ??
      this.primaryOf(module) ??
      campaignModules.find(({ name }) => name === module)?.hosts[0];
    const host: PairName = primary === 'beta' ? 'beta' : 'alpha';
    return role === 'primary' ? host : otherOf(host);
  }

  /** The host whose own agent says that it serves the module, null without one. */
  primaryOf(module: ModuleName): PairName | null {
    const serves = (name: PairName): boolean =>
      ['PRIM', 'ALONE'].includes(this.cluster.view.replica(name, module)?.state ?? '');
    return pair.find(serves) ?? null;
  }

  /** The agent of this host may end with this code once before it is looked at next. */
  expectEnd(host: string, code: number): void {
    this.#ends.set(host, [...this.expectedEnds(host), code]);
  }

  expectedEnds(host: string): readonly number[] {
    return this.#ends.get(host) ?? [];
  }

  /**
   * The servers of this host go on for so long when others may have followed them, milliseconds. It holds for the modules that run there now, or nowhere,
   * until they are looked at next.
   */
  expectTwins(host: HostName, ms: number): void {
    // It runs none.
    if (host === 'gamma') return;
    for (const { name } of campaignModules) {
      const runsOn = this.watch.hostOf(name);
      if (runsOn === null || runsOn === host) this.#twinMs.set(name, this.expectedTwinsMs(name) + ms);
    }
  }

  expectedTwinsMs(module: ModuleName): number {
    return this.#twinMs.get(module) ?? 0;
  }

  /** What was expected of one step is not expected of the next one. */
  forgetExpected(): void {
    this.#ends.clear();
    this.#twinMs.clear();
  }

  /** Something that a reader wants to know of this step, such as what an operator was answered. */
  note(text: string): void {
    this.#notes.push(text.trim().replaceAll(/\s*\n\s*/g, ' '));
  }

  takeNotes(): readonly string[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  powerLoss(name: HostName, seed: number): Promise<void> {
    return this.#inTurn(name, async () => {
      const host = this.host(name);
      if (!host.isOn) return;
      await this.disks.losePower(host, seed, async () => {
        const { firstPid } = host;
        const waking = setInterval(() => wakeEntrances(firstPid), 100);
        await this.cluster.powerLoss(name).finally(() => clearInterval(waking));
      });
    });
  }

  powerOn(name: HostName): Promise<void> {
    return this.#inTurn(name, async () => {
      const host = this.host(name);
      if (host.isOn) return;
      await this.disks.powerOn(host);
      await this.cluster.powerOn(name);
      await this.limits.take(host);
    });
  }

  /** Starts an agent that was switched off. */
  startAgent(name: HostName): Promise<void> {
    return this.#inTurn(name, async () => {
      const host = this.host(name);
      const isOff = await host.exec(['test', '-e', '/run/understudy-supervise/agent.off']);
      if (isOff.code !== 0) return;
      for (const end = Date.now() + 5000; Date.now() < end; await delay(50)) {
        if ((await host.exec(['pgrep', '-f', supervisor])).code !== 0) {
          await host.startAgent();
          await this.limits.take(host);
          return;
        }
      }
      // It has not come to look at its switch: it goes on as if nothing had been.
      await host.exec(['rm', '-f', '/run/understudy-supervise/agent.off']);
    });
  }

  /** Asks an agent as an operator would. Resolves with what it answered, whatever that is. */
  async ask<Method extends ApiMethod>(
    host: HostName,
    method: Method,
    params: ApiMethods[Method]['params'],
  ): Promise<string> {
    const limit = delay(answerLimitMs, `no answer in ${answerLimitMs / 1000} s`, { ref: false });
    const answer = this.cluster.view.request(host, method, params).then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
    return Promise.race([answer, limit]);
  }

  /** Ends whatever fault there still is. */
  async cure(): Promise<void> {
    for (const host of this.cluster.lab.hosts) {
      const name = this.nameOf(host);
      if (!host.isOn) await this.powerOn(name);
      else {
        await goOn(host, ['bash', '-c', 'kill -CONT -1']);
        await this.cluster.lab.network.heal(host.station);
        await this.limits.lift(host);
        await this.disks.slow(host, 0);
        await this.disks.makeRoom(host);
        await this.disks.mend(host);
        if (this.arbiter === 'etcd' && !(await runsEtcd(host))) await startEtcd(host);
        await this.startAgent(name);
      }
      // What was heard before may be long over.
      this.cluster.view.drop(name);
    }
  }

  /** What the module's guests said on the consoles of both hosts. */
  consoles(module: GuestModule): Promise<readonly SerialReport[]> {
    return Promise.all(pair.map((name) => readSerial(this.host(name).outside(module.serial))));
  }

  /** Number of the last record that the module's guest reported, wherever it ran. */
  async lastRecord(module: GuestModule): Promise<number> {
    return Math.max(...(await this.consoles(module)).map(lastNumber));
  }

  async remove(): Promise<void> {
    this.watch.stop();
    this.answers.stop();
    this.cluster.destroy();
    await this.disks.remove();
    await this.limits.remove();
  }

  #inTurn(name: HostName, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    this.#turns.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  }
}
