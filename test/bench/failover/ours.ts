import path from 'node:path';
import { checkRecords } from '../../lab/guest/records.ts';
import { AddressWatch } from '../../lab/harness/addressWatch.ts';
import { LabCluster, type LabClusterOptions, pair } from '../../lab/harness/labCluster.ts';
import { guestAddress } from '../../lab/harness/webModule.ts';
import { fromWallClock } from './clock.ts';
import { crashGuest, cutOff, twoGuests } from './faults.ts';
import { guestStart } from './guestStart.ts';
import { phasesOf } from './oursPhases.ts';
import { addressTarget, guestOptions, guestTarget, virtualAddress } from './services.ts';
import type { Contender, OpenContender } from './system.ts';

export const oursSettings = ['3s', '800ms'] as const;

const spreadMs = 1000;

/** The product with a virtual server, by its detection time. */
export function ours(detection: string): Contender {
  return {
    system: 'ours',
    setting: `detection ${detection}`,
    target: guestTarget,
    leftOut: {},
    livesThrough: [],
    phaseMs: () => spreadMs,
    open: async () => {
      const cluster = await openCluster({ ...guestOptions, more: { failover: { detection } } }, async (made) => {
        await made.startModule('alpha');
        await made.waitForRecords('alpha', 5);
      });
      return {
        ...common(cluster),
        startedAt: (since) => guestStart(cluster.lab.hosts, since),
        problems: async () => [...twoGuests(cluster.lab.hosts), ...(await lostRecords(cluster))],
      };
    },
  };
}

/** A virtual address of the product alone: the server is a script that does nothing. */
export function oursAddress(detection: string): Contender {
  return {
    system: 'oursAddress',
    setting: `detection ${detection}`,
    target: addressTarget,
    leftOut: { guestCrash: 'an address has no process that could crash' },
    livesThrough: [],
    phaseMs: () => spreadMs,
    open: async () => {
      let watch: AddressWatch | null = null;
      const cluster = await openCluster(
        {
          server: { scripts: { start: ['/bin/true'], stop: ['/bin/true'] } },
          more: {
            failover: { detection },
            virtualAddresses: [{ address: `${virtualAddress}/24`, network: 'lan' }],
          },
        },
        async (made) => {
          watch = new AddressWatch(pairOf(made), [virtualAddress]);
          await made.startModule('alpha');
        },
      );
      return {
        ...common(cluster),
        startedAt: (since) => watch?.lastSet(virtualAddress, since) ?? null,
        problems: () => Promise.resolve(watch?.twice ?? []),
        close: () => {
          watch?.end();
          cluster.destroy();
        },
      };
    },
  };
}

const pairOf = (cluster: LabCluster) => pair.map((name) => cluster.host(name));

async function openCluster(
  options: LabClusterOptions,
  start: (cluster: LabCluster) => Promise<void>,
): Promise<LabCluster> {
  const cluster = await LabCluster.create(options);
  try {
    await start(cluster);
    return cluster;
  } catch (error) {
    cluster.destroy();
    throw error;
  }
}

function common(cluster: LabCluster): Omit<OpenContender, 'startedAt' | 'problems'> {
  const alpha = cluster.host('alpha');
  return {
    lab: cluster.lab,
    inject: async (event) => {
      if (event === 'powerLoss') await cluster.powerLoss('alpha');
      else if (event === 'guestCrash') crashGuest(alpha);
      else if (event === 'linkCut') {
        await cutOff(cluster.lab.network, alpha);
        cluster.view.drop('alpha');
      } else if (event === 'agentKill') await alpha.killAgent();
      else await alpha.runUnderstudy(['switchover', 'web', '--to', 'beta'], { timeoutMs: 120_000 });
    },
    phases: (event, faultMs, startedMs) => {
      const told = cluster.view.log.map(({ code, time }) => ({ code, atMs: fromWallClock(Date.parse(time)) }));
      return Promise.resolve(phasesOf(told, event, faultMs, startedMs));
    },
    describe: () => Promise.resolve(cluster.view.describe()),
    close: () => cluster.destroy(),
  };
}

/** Stops the module where it runs now, and compares what the guest had reported on both hosts with what its disk holds there. */
async function lostRecords(cluster: LabCluster): Promise<readonly string[]> {
  const serving = pair.find((name) => cluster.host(name).guests().length > 0);
  if (serving === undefined) return [`no host runs the guest at ${guestAddress} any more`];
  const { view } = cluster;
  await cluster.waitUntilServing(serving);
  await view.request(serving, 'module.stop', { module: 'web' });
  await view.waitFor('the module is stopped', () => view.replica(serving, 'web')?.state === 'STOP');
  const image = path.join(cluster.replicaDirectory(serving), 'disk.raw');
  const { lost, firstOutOfOrder } = await checkRecords(image, cluster.serialLogs());
  return [
    ...(lost.length > 0 ? [`${lost.length} records are lost, the first of them ${lost[0]}`] : []),
    ...(firstOutOfOrder === null ? [] : [`record ${firstOutOfOrder} is not in its place`]),
  ];
}
