import type { Words } from './rule.ts';

const own: Words = ['unsupported', 'Nothing to do: Understudy sees to this by itself.'];
const replicates: Words = ['unsupported', 'Nothing to do: how replication and resync work inside is not set by hand.'];
const ports: Words = ['unsupported', 'Agents have one port for all modules: "ports" in the cluster file.'];
const announced: Words = [
  'unsupported',
  'Nothing to do: neighbours are told of an address at once, and every half minute.',
];
const beats: Words = [
  'unsupported',
  'Heartbeats are the cluster\'s: "heartbeat" in its file, 250ms by default, and at least ten in the detection time of a module.',
];
const waits: Words = [
  'unsupported',
  'A secondary that acknowledges nothing is given up after "mirror.acknowledgeTimeout", 1s by default, and the server goes on. Times of SafeKit are far longer, and would hold the server up.',
];
const kept: Words = [
  'unsupported',
  "What scripts write is in the agent's log (`understudy log`), which is kept within bounds.",
];
const virtualHost: Words = [
  'unsupported',
  'No program sees another name of its host. Let the program be told its name: by its own settings, or by a variable of the start script.',
];
const farm: Words = ['unsupported', 'For a farm. A module of Understudy runs on one host at a time.'];
const interfaces: Words = [
  'unsupported',
  'No interface is watched as such. A "ping" of the gateway in failover.conditions tells a dead cable or switch.',
];
const addresses: Words = [
  'translated',
  'Nothing to set: the agent sets a virtual address again when somebody removes it, and asks before whether another machine has it.',
];

/** Elements that say nothing but what stands in them. */
export const plainElements: Readonly<Record<string, Words>> = {
  safe: ['taken', 'The configuration of a module.'],
  'service/vip': ['translated', 'Its addresses are "virtualAddresses".'],
  'service/vip/interface_list': ['translated', 'Its addresses are "virtualAddresses".'],
  'service/check': ['translated', 'What is looked at: "checks" and "failover.conditions".'],
  'service/check/intf': interfaces,
  'service/check/intf/to': interfaces,
  'service/check/ip': addresses,
  'service/check/ip/to': addresses,
  'service/vhost': virtualHost,
  'service/vhost/virtualhostname': virtualHost,
  'service/rfs/flow': [
    'unsupported',
    'Replication takes the network that says "replication": true in the cluster file.',
  ],
  'service/farm': farm,
  'service/farm/lan': farm,
};

/** Attributes of which the same is to be told whatever they say; those of elements with rules may be told of there. */
export const plainAttributes: Readonly<Record<string, Readonly<Record<string, Words>>>> = {
  service: {
    boot_delay: ['unsupported', 'Modules start as soon as their agents do. "priority" and "dependsOn" order them.'],
  },
  'service/heart': { port: ports, pulse: beats, permanent_arp: own },
  'service/heart/heartbeat': { pulse: beats },
  'service/vip': {
    tcpreset: ['unsupported', 'Connections end with the server that had them.'],
    scriptcontrol: [
      'unsupported',
      'Addresses are set before the server starts and removed when it has stopped. Hooks may do more.',
    ],
  },
  'service/vip/interface_list/interface': { arpreroute: announced, arpinterval: announced, arpelapse: announced },
  'service/vip/interface_list/interface/real_interface/virtual_addr': {
    connections: ['unsupported', 'Connections are not counted.'],
    netmask: ['unsupported', 'The address was left out.'],
    where: ['unsupported', 'The address was left out.'],
  },
  'service/rfs': {
    acl: ['translated', 'Nothing to set: access lists are extended attributes, which are always replicated.'],
    iotimeout: waits,
    locktimeout: waits,
    sendtimeout: waits,
    roflags: [
      'unsupported',
      'The secondary is not stopped when somebody writes in its directory: `understudy verify` finds what differs.',
    ],
    nbrei: replicates,
    nbremconn: replicates,
    ruzone_blocksize: replicates,
    reipacketsize: replicates,
    packetsize: replicates,
    namespacepolicy: [
      'unsupported',
      'Nothing to do: a resync always copies what has changed, in pieces, and never whole files for it.',
    ],
    reitimeout: replicates,
    reicommit: replicates,
    reidetail: replicates,
    allocthreshold: replicates,
    checktime: replicates,
    checkintv: replicates,
    nfsbox_options: ['unsupported', 'Of Windows. Nothing may be mounted within a mirrored directory.'],
    mountover: ['unsupported', 'Nothing to do: the mirror is mounted over its directory while the module runs.'],
    mountoversuffix: ['unsupported', 'Nothing to do: the mirror is mounted over its directory, which keeps its name.'],
    syncat: [
      'unsupported',
      'Replication is always synchronous: there is no copy by a schedule. For a copy of a point in time use a backup.',
    ],
  },
  'service/user': { logging: kept, userlogsize: kept },
  'service/check/intf': { ident: interfaces, when: interfaces, action: interfaces },
  'service/check/intf/to': { local_addr: interfaces },
  'service/check/ip': { ident: addresses, when: addresses, action: addresses },
  'service/check/ip/to': { addr: addresses, interval: addresses },
  'service/vhost/virtualhostname': { name: virtualHost, envfile: virtualHost, when: virtualHost },
  'service/rfs/flow': { name: ['unsupported', '"replication": true beside that network in the cluster file.'] },
  'service/farm': { port: farm, pulse: farm, mlost_count: farm, slost_count: farm },
  'service/farm/lan': { name: farm },
};
