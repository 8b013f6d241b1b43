/** The cluster and the module of the lab, as an operator would write them. */
export const guestAddress = '10.77.0.50';
export const mirrorDirectory = '/srv/vm/web';
/** Where each host of the pair keeps aside what is overwritten. */
export const asideDirectory = '/var/lib/understudy/modules/web/aside';
/** Inside each host, outside of the mirror: the guest's console there. */
export const serialLog = '/var/log/web.serial.log';

/** The text of site.cluster.jsonc. */
export const clusterFile = (
  arbiter: object | 'none' = { witness: 'gamma' },
  fence: object | null = null,
): string => `// Three hosts, two of them a pair, and two networks.
{
  "name": "site",
  "networks": { "lan": {}, "link": { "replication": true } },
  "hosts": {
    "alpha": { "lan": "10.77.0.1", "link": "10.78.0.1" },
    "beta": { "lan": "10.77.0.2", "link": "10.78.0.2" },
    "gamma": { "lan": "10.77.0.3" }
  },
  "arbiter": ${JSON.stringify(arbiter)}${fence ? `,\n  "fence": ${JSON.stringify(fence)}` : ''}
}
`;

export interface WebModuleOptions {
  /** Pause of the guest between two records, seconds. */
  readonly period?: number;
  /** Size of the file that the guest keeps rewriting, MiB. */
  readonly ring?: number;
  /** More directories to be mirrored. */
  readonly further?: readonly string[];
  /** More keys of its mirror section. */
  readonly mirror?: Readonly<Record<string, unknown>>;
  /** More keys of its virtual server. */
  readonly qemu?: Readonly<Record<string, unknown>>;
  /** Another server in the place of the guest. */
  readonly server?: Readonly<Record<string, unknown>>;
  /** More keys of the module file, such as { failover: { restarts: 1 } }. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A module around the lab's guest. */
export interface GuestModule {
  readonly name: string;
  /** The preferred one first. */
  readonly hosts: readonly string[];
  readonly address: string;
  readonly directory: string;
  /** Inside each host: the guest's console there. */
  readonly serial: string;
}

export const webModule: GuestModule = {
  name: 'web',
  hosts: ['alpha', 'beta'],
  address: guestAddress,
  directory: mirrorDirectory,
  serial: serialLog,
};

/** The text of a module's file; web.module.jsonc unless another one is given. */
export function webModuleFile(options: WebModuleOptions = {}, module = webModule): string {
  const { further = [], mirror = {}, server, more = {} } = options;
  return `// A small Debian guest that writes numbered records to its disk and serves its state at http://${module.address}/cgi-bin/status
{
  "name": "${module.name}",
  "hosts": ${JSON.stringify(module.hosts).replaceAll(',', ', ')},
  "mirror": { "directories": ${JSON.stringify([module.directory, ...further])}${keys(mirror, ' ')} },
  "server": ${server === undefined ? guestSection(options, module) : JSON.stringify(server)}${keys(more, '\n  ')}
}
`;
}

function guestSection({ period = 0.02, ring = 8, qemu = {} }: WebModuleOptions, module: GuestModule): string {
  return `{
    "qemu": {
      "memory": "128MiB",
      "kernel": "vmlinuz",
      "initrd": "initrd.gz",
      "append": "console=ttyS0 quiet panic=-1 noreplace-smp us.ip=${module.address} us.period=${period} us.ring=${ring}",
      "disks": [{ "file": "disk.raw" }],
      "networks": [{ "bridge": "br0" }],
      "serial": "${module.serial}",
      "shutdownTimeout": "20s"${keys(qemu, '\n      ')}
    }
  }`;
}

function keys(values: object, between: string): string {
  return Object.entries(values)
    .map(([key, value]) => `,${between}${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join('');
}
