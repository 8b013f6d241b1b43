import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LabHost } from '../../../lab/harness/host.ts';
import { Lab } from '../../../lab/harness/lab.ts';
import { repositoryRoot } from '../../../lab/harness/paths.ts';
import { fromWallClock } from '../clock.ts';
import type { EventName } from '../events.ts';
import { crashGuest, cutOff, twoGuests } from '../faults.ts';
import { startPowerSwitch } from './fencing.ts';
import { guestStart } from '../guestStart.ts';
import { corosyncFile, informationBase, type PacemakerSetting } from './configuration.ts';
import { installGuest } from './guest.ts';
import { guestTarget } from '../services.ts';
import { Supervised } from '../supervised.ts';
import type { Contender, OpenContender, Phases } from '../system.ts';
import { ToldLines } from '../toldLines.ts';

const sources = path.join(repositoryRoot, 'test/bench/failover/pacemaker');
/** The folder for what the hosts need, inside each. */
const home = '/srv/bench';
const startLimitMs = 60_000;

/** Pacemaker and Corosync with the same guest, its disk on storage that both hosts share, and fencing. */
export function pacemaker(setting: PacemakerSetting): Contender {
  return {
    system: 'pacemaker',
    setting: `token ${setting.tokenMs}, monitor ${setting.monitorSeconds}s`,
    target: guestTarget,
    leftOut: {},
    livesThrough: ['agentKill'],
    phaseMs: (event) => (event === 'guestCrash' ? setting.monitorSeconds * 1000 : 1000),
    open: async () => {
      const lab = await Lab.create();
      try {
        return await PacemakerPair.open(lab, setting);
      } catch (error) {
        lab.destroy();
        throw error;
      }
    },
  };
}

class PacemakerPair implements OpenContender {
  private constructor(
    readonly lab: Lab,
    private readonly hosts: readonly LabHost[],
    private readonly corosync: ReadonlyMap<LabHost, ToldLines>,
    private readonly pacemakerd: ReadonlyMap<LabHost, Supervised>,
  ) {}

  static async open(lab: Lab, setting: PacemakerSetting): Promise<PacemakerPair> {
    const hosts = [lab.host('alpha'), lab.host('beta')];
    await installGuest(hosts);
    await startPowerSwitch(lab);
    for (const host of hosts) await installStack(host, setting);
    const corosync = new Map(hosts.map((host) => [host, new ToldLines(host.spawn(['corosync', '-f']))]));
    const daemons = new Map(hosts.map((host) => [host, new Supervised(host, 'pacemakerd', ['pacemakerd'])]));
    const pair = new PacemakerPair(lab, hosts, corosync, daemons);
    try {
      await untilTrue('Corosync has both hosts', () =>
        [...corosync.values()].every((told) => told.firstAfter(0, /Members\[2\]/) !== null),
      );
      for (const daemon of daemons.values()) daemon.start();
      await pair.#untilWhole();
      return pair;
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await pair.describe()}`, { cause: error });
    }
  }

  async inject(event: EventName): Promise<void> {
    const alpha = this.lab.host('alpha');
    if (event === 'powerLoss') await alpha.powerLoss();
    else if (event === 'guestCrash') crashGuest(alpha);
    else if (event === 'linkCut') await cutOff(this.lab.network, alpha);
    else if (event === 'agentKill') await this.pacemakerd.get(alpha)?.kill();
    else await alpha.run(['crm_resource', '--move', '--resource', 'guest', '--node', 'beta']);
  }

  startedAt(sinceMs: number): number | null {
    return guestStart(this.hosts, sinceMs);
  }

  async phases(event: EventName, faultMs: number, startedMs: number): Promise<Phases> {
    const serving = this.hosts.find((host) => host.guests().length > 0);
    const log = serving === undefined ? '' : await serving.run(['cat', '/run/bench-guest.log']);
    const momentsOf = (what: string): readonly number[] =>
      log
        .split('\n')
        .filter((line) => line.endsWith(` ${what}`))
        .map((line) => fromWallClock(Number(line.split(' ')[0]) * 1000))
        .filter((moment) => moment >= faultMs - 1);
    const beta = this.corosync.get(this.lab.host('beta'));
    const lost = beta?.firstAfter(faultMs, /A new membership .* was formed\. Members left/) ?? null;
    const knownMs = event === 'guestCrash' ? (momentsOf('gone')[0] ?? null) : event === 'switchover' ? null : lost;
    const orderedMs = momentsOf('start').findLast((moment) => moment <= startedMs + 20) ?? null;
    return {
      detectionMs: knownMs === null ? null : knownMs - faultMs,
      decisionMs: knownMs === null || orderedMs === null ? null : orderedMs - knownMs,
      startMs: orderedMs === null ? null : startedMs - orderedMs,
    };
  }

  problems(): Promise<readonly string[]> {
    return Promise.resolve(twoGuests(this.hosts));
  }

  async describe(): Promise<string> {
    const said = await Promise.all(
      this.hosts.map(async (host) => {
        const status = host.isOn ? (await host.exec(['crm_mon', '-1', '-r'])).stdout : 'off';
        const log = await readFile(host.outside('/var/log/pacemaker/pacemaker.log'), 'utf8').catch(() => '');
        const pacemaker = log.split('\n').slice(-20).join('\n');
        return `--- ${host.name}\n${status}\n${this.corosync.get(host)?.last(10)}\n${pacemaker}`;
      }),
    );
    return said.join('\n');
  }

  close(): void {
    this.lab.destroy();
  }

  /** Both hosts are members, alpha runs the guest, and the fence device is ready. */
  async #untilWhole(): Promise<void> {
    const beta = this.lab.host('beta');
    let said = '';
    await untilTrue('Pacemaker runs the guest on alpha and has both hosts', async () => {
      said = (await beta.exec(['crm_mon', '-1', '-r'])).stdout;
      const online = /Online: \[ alpha beta \]/.test(said);
      return online && /guest\s.*Started alpha/.test(said) && /power\s.*Started/.test(said);
    });
  }
}

async function installStack(host: LabHost, setting: PacemakerSetting): Promise<void> {
  const inside = (...names: readonly string[]): string => path.join(host.outside(home), ...names);
  await mkdir(inside('ocf/bench'), { recursive: true });
  await mkdir(inside('sbin'), { recursive: true });
  await copyFile(path.join(sources, 'Guest'), inside('ocf/bench/Guest'));
  await copyFile(path.join(sources, 'fence_bench'), inside('sbin/fence_bench'));
  await writeFile(inside('cib.xml'), informationBase(setting));
  await mkdir(host.outside('/etc/corosync'), { recursive: true });
  await writeFile(host.outside('/etc/corosync/corosync.conf'), corosyncFile(setting));
  await host.run(['chmod', '755', `${home}/ocf/bench/Guest`, `${home}/sbin/fence_bench`]);
  await host.run(['bash', path.join(sources, 'hostUp.sh'), home]);
}

async function untilTrue(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + startLimitMs;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`After ${startLimitMs / 1000} s it is still not true that ${what}.`);
    await delay(200);
  }
}
