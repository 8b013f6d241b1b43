import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AddressWatch } from '../../lab/harness/addressWatch.ts';
import type { LabHost } from '../../lab/harness/host.ts';
import { Lab } from '../../lab/harness/lab.ts';
import { guestBridge } from '../../lab/harness/network.ts';
import type { EventName } from './events.ts';
import { cutOff } from './faults.ts';
import { addressTarget, virtualAddress } from './services.ts';
import { Supervised } from './supervised.ts';
import { type Contender, type OpenContender, unknownPhases } from './system.ts';

/** Seconds between two advertisements: the default of most examples, and a tenth, which needs version 3 of the protocol. */
export const keepalivedSettings = ['1', '0.1'] as const;

const configuration = '/etc/keepalived/bench.conf';
const startLimitMs = 30_000;

const fileOf = (interval: string, isAlpha: boolean): string => `global_defs {
  vrrp_version ${interval === '1' ? 2 : 3}
}
vrrp_instance bench {
  state ${isAlpha ? 'MASTER' : 'BACKUP'}
  interface ${guestBridge}
  virtual_router_id 77
  priority ${isAlpha ? 150 : 100}
  advert_int ${interval}
  virtual_ipaddress {
    ${virtualAddress}/24 dev ${guestBridge}
  }
}
`;

/** keepalived with a virtual address alone: it has neither a third vote nor fencing. */
export function keepalived(interval: string): Contender {
  return {
    system: 'keepalived',
    setting: `advert_int ${interval}`,
    target: addressTarget,
    leftOut: { guestCrash: 'an address has no process that could crash' },
    livesThrough: ['agentKill'],
    phaseMs: () => Number(interval) * 1000,
    open: async () => {
      const lab = await Lab.create();
      try {
        return await openPair(lab, interval);
      } catch (error) {
        lab.destroy();
        throw error;
      }
    },
  };
}

async function openPair(lab: Lab, interval: string): Promise<OpenContender> {
  const hosts = [lab.host('alpha'), lab.host('beta')];
  const [alpha = lab.host('alpha')] = hosts;
  const watch = new AddressWatch(hosts, [virtualAddress]);
  const daemons = new Map<LabHost, Supervised>();
  for (const host of hosts) {
    await writeFile(host.outside(configuration), fileOf(interval, host === alpha));
    const argv = ['keepalived', '-n', '-l', '-f', configuration, '-p', '/run/ka.pid', '-r', '/run/kav.pid'];
    daemons.set(host, new Supervised(host, 'keepalived', argv));
  }
  const describe = async (): Promise<string> => {
    const said = hosts.map(async (host) => `--- ${host.name}\n${(await daemons.get(host)?.lastLines(15)) ?? ''}`);
    return (await Promise.all(said)).join('\n');
  };
  const close = (): void => {
    watch.end();
    lab.destroy();
  };
  try {
    for (const daemon of daemons.values()) daemon.start();
    await watch.until('alpha alone has the address', () => isHolder(watch, 'alpha'), startLimitMs);
    // The backup knows the master by now, or will at its next advertisement.
    await delay(2 * Number(interval) * 1000);
  } catch (error) {
    const said = await describe();
    watch.end();
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  }
  return {
    lab,
    inject: async (event: EventName) => {
      if (event === 'powerLoss') await alpha.powerLoss();
      else if (event === 'linkCut') await cutOff(lab.network, alpha);
      else if (event === 'agentKill') await daemons.get(alpha)?.kill();
      // It has no command for it: the address moves when the daemon is stopped.
      else await daemons.get(alpha)?.stop();
    },
    startedAt: (since) => watch.lastSet(virtualAddress, since),
    phases: () => Promise.resolve(unknownPhases),
    problems: () => Promise.resolve(bothHold(watch)),
    describe,
    close,
  };
}

const isHolder = (watch: AddressWatch, host: string): boolean =>
  watch.holders(virtualAddress).length === 1 && watch.holders(virtualAddress)[0] === host;

function bothHold(watch: AddressWatch): readonly string[] {
  const holders = watch.holders(virtualAddress);
  return holders.length > 1 ? [`${holders.join(' and ')} hold the address`] : [];
}
