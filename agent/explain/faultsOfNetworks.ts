import { fault, roleOf, type Fault, type Stage } from './fault.ts';
import { Networks } from './network.ts';

/** Networks that are cut, and an arbiter that does not answer. */
export function faultsOfNetworks(stage: Stage): readonly Fault[] {
  const { primary, secondary, arbiter } = stage;
  return [
    ...replicationCut(stage),
    hostsCut(stage),
    // Without an arbiter there is nothing else that a host could be cut off from.
    ...(arbiter === null ? [] : [isolated(stage, primary), isolated(stage, secondary)]),
    ...(arbiter === null ? [] : [arbiterLost(arbiter), arbiterLostFirst(stage, arbiter)]),
  ];
}

function joining({ cluster, primary, secondary }: Stage): readonly string[] {
  return new Networks(cluster, () => true).joining(primary, secondary);
}

function replicationCut(stage: Stage): readonly Fault[] {
  const { primary, secondary } = stage;
  const [network, other] = joining(stage);
  if (network === undefined || other === undefined) return [];
  return [
    fault('replication-cut', null, `the replication network (${network}) between both hosts is cut`, [
      {
        says: `the replication network (${network}) is cut, and ${other} is not`,
        as: 'fault',
        act: (world) => world.networks.setCut(primary, secondary, true, network),
      },
      {
        says: `${network} is whole again`,
        as: 'end',
        act: (world) => world.networks.setCut(primary, secondary, false, network),
      },
    ]),
  ];
}

function hostsCut(stage: Stage): Fault {
  const { primary, secondary, arbiter } = stage;
  const names = joining(stage);
  const what =
    names.length > 1
      ? 'all networks between both hosts are cut'
      : `${names[0] ?? 'the network'} is cut between both hosts`;
  const reached = arbiter === null ? '' : `, and each still reaches ${arbiter}`;
  return fault('hosts-cut', null, what, [
    { says: `${what}${reached}`, as: 'fault', act: (world) => world.networks.setCut(primary, secondary, true) },
    {
      says: 'both hosts see each other again',
      as: 'end',
      act: (world) => {
        world.networks.setCut(primary, secondary, false);
        for (const host of [primary, secondary]) world.boot(host);
      },
    },
  ]);
}

function isolated(stage: Stage, host: string): Fault {
  const { arbiter, primary, secondary } = stage;
  const other = host === primary ? secondary : primary;
  return fault('isolated', host, `${roleOf(stage, host)} is cut off from everything`, [
    {
      says: `${host} is cut off from ${other} and from ${arbiter ?? 'everything'}`,
      as: 'fault',
      host,
      act: (world) => world.setIsolated(host, true),
    },
    {
      says: `${host} is reached again`,
      as: 'end',
      host,
      act: (world) => {
        world.setIsolated(host, false);
        // It may have been fenced meanwhile.
        world.boot(host);
      },
    },
  ]);
}

function arbiterLost(arbiter: string): Fault {
  return fault('arbiter-lost', null, `the arbiter (${arbiter}) does not answer`, [
    { says: `the arbiter (${arbiter}) does not answer`, as: 'fault', act: (world) => world.setArbiter(false) },
    { says: 'the arbiter answers again', as: 'end', act: (world) => world.setArbiter(true) },
  ]);
}

function arbiterLostFirst({ primary }: Stage, arbiter: string): Fault {
  const title = `the arbiter (${arbiter}) is lost, and then ${primary} (primary) loses power`;
  return fault('arbiter-lost-then-power-loss', primary, title, [
    { says: `the arbiter (${arbiter}) does not answer`, as: 'fault', act: (world) => world.setArbiter(false) },
    { says: `${primary} loses power meanwhile`, as: 'then', host: primary, act: (world) => world.powerOff(primary) },
    { says: 'the arbiter answers again', as: 'end', act: (world) => world.setArbiter(true) },
    { says: `${primary} returns`, as: 'end', host: primary, act: (world) => world.boot(primary) },
  ]);
}
