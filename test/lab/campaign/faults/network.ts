import type { Random } from '../../../simulation/random.ts';
import type { LabHost } from '../../harness/host.ts';
import type { LabNetwork, NetworkName } from '../../harness/network.ts';
import { otherOf } from '../../harness/labCluster.ts';
import { describeTarget, drawAny, drawOfAll, drawOfPair, type FaultKind, onHost } from './fault.ts';
import type { Target } from '../target.ts';

const choices: readonly (readonly NetworkName[])[] = [['lan'], ['link'], ['lan', 'link']];

/** Each way: far more than between hosts of one site, and less than anybody waits for an answer. Milliseconds. */
const lateMs = 150;

interface Cut {
  readonly target: Target;
  readonly networks: readonly NetworkName[];
}

function drawCut(chance: Random): Cut {
  const target = drawOfAll(chance);
  const networks = chance.pick(choices);
  return { target, networks: target.role === 'third' ? ['lan'] : networks };
}

/** One way of troubling a host's cables. */
function onCables(
  name: string,
  title: (host: string, networks: string) => string,
  draw: (chance: Random) => Cut,
  trouble: (network: LabNetwork, host: LabHost, on: NetworkName) => Promise<void>,
): FaultKind {
  return {
    name,
    draw: (chance) => {
      const { target, networks } = draw(chance);
      return {
        title: title(describeTarget(target), networks.join(' and ')),
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            const { network } = site.cluster.lab;
            for (const on of networks) await trouble(network, host, on);
            // Who looks on may be cut off as well.
            site.cluster.view.drop(host.name);
            return () => network.heal(host.station, networks);
          }),
      };
    },
  };
}

/** The hosts do not hear each other, or one of them not the other one; everybody else hears both, and is heard. */
function betweenHosts(name: string, title: (host: string, networks: string) => string, isOneWay: boolean): FaultKind {
  return {
    name,
    draw: (chance) => {
      const { target, networks } = drawCutOfPair(chance);
      return {
        title: title(describeTarget(target), networks.join(' and ')),
        holdMs: drawAny(chance),
        begin: async (site) => {
          const unheard = site.hostOf(target) === 'beta' ? 'beta' : 'alpha';
          const [one, other] = [site.host(unheard).station, site.host(otherOf(unheard)).station];
          const { network } = site.cluster.lab;
          await network.separate(one, other, networks);
          if (!isOneWay) await network.separate(other, one, networks);
          return () => network.reunite(one, other, networks);
        },
      };
    },
  };
}

const drawCutOfPair = (chance: Random): Cut => {
  return { target: drawOfPair(chance), networks: chance.pick(choices) };
};

export const networkFaults: readonly FaultKind[] = [
  onCables(
    'cable pulled',
    (host, networks) => `cable of ${networks} pulled at ${host}`,
    drawCut,
    (network, { station }, on) => network.cutCarrier(station, [on]),
  ),
  onCables(
    'own link down',
    (host, networks) => `${host} switches ${networks} off on its side`,
    drawCut,
    (network, { station }, on) => network.switchOff(station, on),
  ),
  onCables(
    'blackhole route',
    (host, networks) => `${host} has no way to the others on ${networks}, by its own routes`,
    drawCut,
    (network, { station }, on) => network.blackhole(station, on),
  ),
  onCables(
    'silent cut',
    (host, networks) => `${networks} of ${host} cut, with the cable looking fine`,
    drawCut,
    (network, { station }, on) => network.cutSilently(station, on),
  ),
  onCables(
    'host hears nothing',
    (host, networks) => `${host} hears nothing on ${networks}`,
    drawCut,
    (network, { station }, on) => network.deafen(station, on),
  ),
  onCables(
    'host is not heard',
    (host, networks) => `${host} is not heard on ${networks}`,
    drawCut,
    (network, { station }, on) => network.mute(station, on),
  ),
  betweenHosts(
    'cut between the hosts',
    (host, networks) => `${host} and the other host cut off from each other on ${networks}`,
    false,
  ),
  betweenHosts(
    'one-way cut between the hosts',
    (host, networks) => `${host} not heard by the other host on ${networks}`,
    true,
  ),
  onCables(
    '30 % loss',
    (host, networks) => `30 % of what passes on ${networks} of ${host} lost`,
    drawCutOfPair,
    (network, { station }, on) => network.lose(station, on, 30),
  ),
  onCables(
    'slow network',
    (host, networks) => `${networks} of ${host} slowed down to 256 kbit/s`,
    drawCutOfPair,
    (network, { station }, on) => network.slow(station, on, 256),
  ),
  onCables(
    'late network',
    (host, networks) => `what passes on ${networks} of ${host} arrives ${lateMs} ms later`,
    drawCutOfPair,
    (network, { station }, on) => network.delay(station, on, lateMs),
  ),
];
