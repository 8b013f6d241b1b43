import { etcdLeader, killEtcd, runsEtcd, startEtcd } from '../../etcdOnHosts.ts';
import {
  describeTarget,
  drawAny,
  drawLong,
  drawModule,
  drawOfAll,
  drawOfPair,
  drawShort,
  type FaultKind,
  nothing,
  onHost,
} from './fault.ts';

/** Every process ends by kill -9, once or for a while. */
export const processFaults: readonly FaultKind[] = [
  {
    name: 'kill -9 of an agent',
    draw: (chance) => {
      const target = drawOfAll(chance);
      return {
        title: `kill -9 of the agent of ${describeTarget(target)}`,
        holdMs: drawShort(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if ((await host.agentPid()) === null) return null;
            site.expectEnd(host.name, 137);
            await host.killAgent();
            return nothing;
          }),
      };
    },
  },
  {
    name: 'kill -9 of an agent, which stays away',
    draw: (chance) => {
      const target = drawOfAll(chance);
      return {
        title: `kill -9 of the agent of ${describeTarget(target)}, which stays away`,
        holdMs: drawLong(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if ((await host.agentPid()) === null) return null;
            site.expectEnd(host.name, 137);
            await host.killAgent({ andKeepItOff: true });
            return () => site.startAgent(site.nameOf(host));
          }),
      };
    },
  },
  {
    name: 'SIGTERM of an agent',
    draw: (chance) => {
      const target = drawOfAll(chance);
      return {
        title: `SIGTERM of the agent of ${describeTarget(target)}`,
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if ((await host.agentPid()) === null) return null;
            site.expectEnd(host.name, 0);
            await host.stopAgent(90_000);
            return () => site.startAgent(site.nameOf(host));
          }),
      };
    },
  },
  {
    name: 'kill -9 of a mirror process',
    draw: (chance) => {
      const target = drawOfPair(chance);
      return {
        title: `kill -9 of the mirror process of ${target.module} on its ${target.role}`,
        holdMs: drawShort(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            const killed = await host.exec(['pkill', '-KILL', '-f', `^understudy mirror ${target.module}`]);
            return killed.code === 0 ? nothing : null;
          }),
      };
    },
  },
  {
    name: 'kill -9 of a guest',
    draw: (chance) => {
      const module = drawModule(chance);
      return {
        title: `kill -9 of the guest of ${module}`,
        holdMs: drawShort(chance),
        begin: (site) => Promise.resolve(site.watch.kill(module) ? nothing : null),
      };
    },
  },
  {
    name: 'kill -9 of a member of etcd',
    arbiter: 'etcd',
    draw: (chance) => {
      const target = drawOfAll(chance);
      const leads = chance.next() < 0.5;
      return {
        title: `kill -9 of etcd on ${leads ? 'the host whose member leads' : describeTarget(target)}`,
        holdMs: drawAny(chance),
        begin: async (site) => {
          const leader = leads ? await etcdLeader(site.cluster).catch(() => null) : null;
          if (leads && leader === null) return null;
          return onHost(site, leader === null ? site.hostOf(target) : site.nameOf(leader), async (host) => {
            if (!(await runsEtcd(host))) return null;
            await killEtcd(host);
            return () => startEtcd(host);
          });
        },
      };
    },
  },
];
