import { farEnd, LateCable } from './lateCable.ts';
import { run, tryRun } from './run.ts';
import type { LabRegistry } from './registry.ts';

/** The two networks of the lab: the one that guests and people use, and the one between the hosts. */
export type NetworkName = 'lan' | 'link';
export const networkNames: readonly NetworkName[] = ['lan', 'link'];

const subnet: Record<NetworkName, string> = { lan: '10.77.0', link: '10.78.0' };
/** The bridge inside a host that holds its address on the lan; guests' taps become its ports. */
export const guestBridge = 'br0';

/** One machine's place on the networks. */
export interface Station {
  readonly name: string;
  /** Its network namespace, as in /run/netns. */
  readonly namespace: string;
  /** The last byte of its addresses. */
  readonly number: number;
  readonly networks: readonly NetworkName[];
  /** Whether guests may be plugged into its lan (a bridge), or it is a plain machine. */
  readonly bridged: boolean;
}

export function addressOf(station: Station, network: NetworkName): string {
  return `${subnet[network]}.${station.number}`;
}

/** Where its cable is plugged in. */
const deviceOf: Record<NetworkName, string> = { lan: 'eth0', link: 'eth1' };

/** What has its address. */
function addressedDevice(station: Station, network: NetworkName): string {
  return network === 'lan' && station.bridged ? guestBridge : deviceOf[network];
}

/** What removes a table of nftables, whether or not it is there: deleting one that is not there is an error. */
function withoutTable(table: string): readonly string[] {
  return [`add table ${table}`, `delete table ${table}`];
}

/** A switch in a namespace of its own with one bridge per network, and the cables from it to the stations. */
export class LabNetwork {
  readonly #switch: string;
  readonly #stations: Station[] = [];
  /** By their ports. */
  readonly #late = new Map<string, LateCable>();

  constructor(
    prefix: string,
    private readonly registry: LabRegistry,
  ) {
    this.#switch = `${prefix}-switch`;
  }

  async create(): Promise<void> {
    await this.#addNamespace(this.#switch);
    for (const network of networkNames) {
      await run([
        'ip',
        '-n',
        this.#switch,
        'link',
        'add',
        'name',
        network,
        'type',
        'bridge',
        'stp_state',
        '0',
        'forward_delay',
        '0',
      ]);
      await run(['ip', '-n', this.#switch, 'link', 'set', 'dev', network, 'up']);
    }
  }

  async addStation(station: Station): Promise<void> {
    this.#stations.push(station);
    await this.#addNamespace(station.namespace);
    for (const network of station.networks) {
      const port = this.#port(station, network);
      const device = deviceOf[network];
      const cable = ['link', 'add', device, 'netns', station.namespace, 'type', 'veth', 'peer', 'name', port];
      await run(['ip', ...cable, 'netns', this.#switch]);
      await run(['ip', '-n', this.#switch, 'link', 'set', port, 'master', network, 'up']);
      await run(['ip', '-n', station.namespace, 'link', 'set', device, 'up']);
    }
    if (station.bridged) {
      // A bridge takes the lowest address of its ports: without a fixed one, plugging in a guest would change the host's.
      const mac = `02:77:00:00:00:${station.number.toString(16).padStart(2, '0')}`;
      const type = ['address', mac, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0'];
      await run(['ip', '-n', station.namespace, 'link', 'add', 'name', guestBridge, ...type]);
      await run(['ip', '-n', station.namespace, 'link', 'set', 'eth0', 'master', guestBridge]);
      await run(['ip', '-n', station.namespace, 'link', 'set', guestBridge, 'up']);
    }
    await this.giveAddresses(station);
  }

  /** What the machine's own start-up scripts would do. */
  async giveAddresses(station: Station): Promise<void> {
    for (const network of station.networks) {
      const device = addressedDevice(station, network);
      await run(['ip', '-n', station.namespace, 'addr', 'replace', `${addressOf(station, network)}/24`, 'dev', device]);
    }
  }

  /** A network namespace outlives its processes: without this a dead host would go on answering for its addresses. */
  async takeAddresses(station: Station): Promise<void> {
    for (const network of station.networks) {
      const device = addressedDevice(station, network);
      await run(['ip', '-n', station.namespace, 'addr', 'flush', 'dev', device]);
    }
  }

  /** Both ends see the cable pulled. */
  async cutCarrier(station: Station, networks: readonly NetworkName[] = station.networks): Promise<void> {
    for (const network of networks) {
      await run(['ip', '-n', this.#switch, 'link', 'set', this.#port(station, network), 'down']);
    }
  }

  /** Somebody switches the station's own end off: it keeps its address, and cannot even try to send. */
  async switchOff(station: Station, network: NetworkName): Promise<void> {
    await run(['ip', '-n', station.namespace, 'link', 'set', addressedDevice(station, network), 'down']);
  }

  /** What the station sends to the others' addresses on this network is refused by its own system; what they send arrives. */
  async blackhole(station: Station, network: NetworkName): Promise<void> {
    for (const other of this.#stations.filter((each) => each !== station && each.networks.includes(network))) {
      await run(['ip', '-n', station.namespace, 'route', 'replace', 'blackhole', `${addressOf(other, network)}/32`]);
    }
  }

  /** The cable looks fine and nothing arrives in either direction. */
  async cutSilently(station: Station, network: NetworkName): Promise<void> {
    await run(['ip', '-n', this.#switch, 'link', 'set', this.#port(station, network), 'nomaster']);
  }

  /** The station still sends but hears nothing any more. */
  async deafen(station: Station, network: NetworkName): Promise<void> {
    await this.#filter(station.namespace, deviceOf[network], 'deaf', network, 'policy drop;');
  }

  /** The station hears everything, and nobody hears it. */
  async mute(station: Station, network: NetworkName): Promise<void> {
    await this.#filter(this.#switch, this.#port(station, network), `mute_${station.name}`, network, 'policy drop;');
  }

  /** What one station sends to the other on these networks is lost between them; whoever else there is hears both. */
  async separate(from: Station, to: Station, networks: readonly NetworkName[]): Promise<void> {
    const rules = networks.flatMap((network) => {
      const table = this.#separation(from, to, network);
      /** Also of a late one. */
      const ports = (station: Station): string => {
        const port = this.#port(station, network);
        return `{ "${port}", "${farEnd(port)}" }`;
      };
      return [
        ...withoutTable(table),
        `add table ${table}`,
        `add chain ${table} between { type filter hook forward priority 0; policy accept; }`,
        `add rule ${table} between iifname ${ports(from)} oifname ${ports(to)} drop`,
      ];
    });
    await this.#nft(this.#switch, rules);
  }

  /** They hear each other on these networks again, as far as nothing else is in the way. */
  async reunite(one: Station, other: Station, networks: readonly NetworkName[]): Promise<void> {
    await this.#nft(this.#switch, this.#reunion(one, other, networks));
  }

  /** Of what comes to the station, and of what it sends, this part is lost at random. */
  async lose(station: Station, network: NetworkName, percent: number): Promise<void> {
    const rule = `numgen random mod 100 < ${percent} drop`;
    await this.#filter(station.namespace, deviceOf[network], 'deaf', network, 'policy accept;', rule);
    const port = this.#port(station, network);
    await this.#filter(this.#switch, port, `mute_${station.name}`, network, 'policy accept;', rule);
  }

  /** What the station sends goes out at this rate at most; it waits its turn for up to half a second, and what comes too late is lost. */
  async slow(station: Station, network: NetworkName, kilobitsPerSecond: number): Promise<void> {
    const shaper = ['tbf', 'rate', `${kilobitsPerSecond}kbit`, 'burst', '16kb', 'latency', '500ms'];
    await run(['tc', '-n', station.namespace, 'qdisc', 'replace', 'dev', deviceOf[network], 'root', ...shaper]);
  }

  /** What passes to the station and from it arrives so much later, in its order. */
  async delay(station: Station, network: NetworkName, ms: number): Promise<void> {
    const port = this.#port(station, network);
    await this.#hasten(port);
    const place = { namespace: this.#switch, port, bridge: network };
    this.#late.set(port, await LateCable.lay(place, ms, (pid) => this.registry.addProcess(pid)));
  }

  /** Ends every fault of the station's cables, and of the ways between it and others. */
  async heal(station: Station, networks: readonly NetworkName[] = station.networks): Promise<void> {
    const others = this.#stations.filter((each) => each !== station);
    const reunions = others.flatMap((other) => this.#reunion(station, other, networks));
    await this.#nft(this.#switch, reunions);
    for (const network of networks) {
      await this.#unfilter(station.namespace, 'deaf', network);
      await this.#unfilter(this.#switch, `mute_${station.name}`, network);
      await this.#hasten(this.#port(station, network));
      // Nothing is there to be deleted on most devices, which is an error.
      await tryRun(['tc', '-n', station.namespace, 'qdisc', 'del', 'dev', deviceOf[network], 'root']);
      await run(['ip', '-n', this.#switch, 'link', 'set', this.#port(station, network), 'master', network, 'up']);
      await run(['ip', '-n', station.namespace, 'link', 'set', addressedDevice(station, network), 'up']);
    }
    await run(['ip', '-n', station.namespace, 'route', 'flush', 'type', 'blackhole']);
  }

  /** A filter on what comes in at a device. */
  async #filter(
    namespace: string,
    device: string,
    name: string,
    network: NetworkName,
    policy: string,
    rule?: string,
  ): Promise<void> {
    const table = `${name}_${network}`;
    await this.#unfilter(namespace, name, network);
    const hook = `type filter hook ingress device "${device}" priority 0; ${policy}`;
    const rules = [`add table netdev ${table}`, `add chain netdev ${table} in { ${hook} }`];
    if (rule !== undefined) rules.push(`add rule netdev ${table} in ${rule}`);
    await this.#nft(namespace, rules);
  }

  async #unfilter(namespace: string, name: string, network: NetworkName): Promise<void> {
    await this.#nft(namespace, withoutTable(`netdev ${name}_${network}`));
  }

  /** What is no longer late belongs to no bridge: it is plugged in again, or put into another cable. */
  async #hasten(port: string): Promise<void> {
    const cable = this.#late.get(port);
    this.#late.delete(port);
    await cable?.remove();
  }

  #reunion(one: Station, other: Station, networks: readonly NetworkName[]): readonly string[] {
    return networks.flatMap((network) => [
      ...withoutTable(this.#separation(one, other, network)),
      ...withoutTable(this.#separation(other, one, network)),
    ]);
  }

  #separation(from: Station, to: Station, network: NetworkName): string {
    return `bridge apart_${from.name}_${to.name}_${network}`;
  }

  async #nft(namespace: string, rules: readonly string[]): Promise<void> {
    const input = `${rules.join('\n')}\n`;
    await run(['nsenter', `--net=/run/netns/${namespace}`, '--', 'nft', '-f', '-'], { input });
  }

  async #addNamespace(name: string): Promise<void> {
    this.registry.addNamespace(name);
    await run(['ip', 'netns', 'add', name]);
    await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  }

  #port(station: Station, network: NetworkName): string {
    return `${station.name.slice(0, 10)}-${network}`;
  }
}
