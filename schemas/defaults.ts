import type { AgentFile, EventsSection, WebhookSection } from './generated/agent.ts';
import type { ArbiterSection, ClusterFile } from './generated/cluster.ts';
import type { DiskSection, ModuleFile, NetworkCardSection, QemuSection, ScriptsSection } from './generated/module.ts';
import { splitPrefix } from './ipAddress.ts';
import type { Amount } from './capacity.ts';
import { agentSchema, clusterSchema, moduleSchema } from './generated/schemas.ts';
import { resolveFence, type ResolvedFence } from './resolvedFence.ts';
import { resolveChecks, resolveConditions, type ResolvedCheck, type ResolvedCondition } from './resolvedChecks.ts';
import { parseDuration, parseRate, parseSize } from './units.ts';

/** A module with every default filled in; durations in milliseconds, sizes in bytes, `null` for what is not set. */
export interface ResolvedModule {
  readonly name: string;
  /** In order of preference. */
  readonly hosts: readonly [string, string];
  readonly mirror: {
    /** The first one, where relative paths start. Absolute, without a trailing slash. */
    readonly directory: string;
    /** All of them, in their order. */
    readonly directories: readonly string[];
    readonly exclude: readonly string[];
    readonly acknowledgeTimeoutMs: number;
    readonly directIo: 'cache' | 'disk';
    readonly onDiskError: 'switchover' | 'report';
    readonly processors: 'awake' | 'sleep';
  };
  readonly server: ResolvedQemu | ResolvedScripts;
  readonly virtualAddresses: readonly ResolvedVirtualAddress[];
  readonly hooks: ResolvedHooks;
  readonly failover: {
    readonly automatic: boolean;
    readonly detectionMs: number;
    readonly withoutArbiter: 'manual' | 'risk-split-brain';
    readonly restarts: number;
    readonly restartPeriodMs: number;
    readonly maxFailovers: number;
    readonly failoverPeriodMs: number;
    readonly failback: 'manual' | 'automatic';
    readonly failbackAfterMs: number;
    /** See {@link parseWindow}, or "always". */
    readonly failbackWindow: string;
    readonly conditions: readonly ResolvedCondition[];
  };
  /** `bandwidth` in bytes per second; null: unlimited; "adaptive": what the server leaves. `undo` in bytes; null: by the free space, 0: off. */
  readonly resync: { readonly bandwidth: number | null | 'adaptive'; readonly undo: number | null };
  /** `bandwidth` in bytes per second; null: unlimited. `schedule`: see {@link parseSchedule}, or "off". */
  readonly verify: { readonly bandwidth: number | null; readonly schedule: string };
  readonly checks: readonly ResolvedCheck[];
  /** 0: not stated. */
  readonly needs: Amount;
  readonly priority: number;
  readonly dependsOn: readonly string[];
  /** Null: it waits without end. */
  readonly dependencyTimeoutMs: number | null;
  readonly antiAffinity: { readonly preferred: readonly string[]; readonly required: readonly string[] };
}

export interface ResolvedQemu {
  readonly kind: 'qemu';
  readonly binary: string;
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  readonly machine: string;
  readonly cpu: string | null;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly append: string | null;
  readonly disks: readonly Required<DiskSection>[];
  readonly networks: readonly { readonly bridge: string; readonly mac: string | null; readonly model: string }[];
  readonly serial: string | null;
  readonly extraArguments: readonly string[];
  readonly shutdownTimeoutMs: number;
  readonly startTimeoutMs: number;
}

export interface ResolvedScripts {
  readonly kind: 'scripts';
  readonly start: readonly string[];
  readonly stop: readonly string[];
  readonly check: readonly string[] | null;
  readonly checkIntervalMs: number;
  readonly timeoutMs: number;
}

export interface ResolvedVirtualAddress {
  /** Without its prefix length. */
  readonly address: string;
  readonly prefixLength: number;
  /** One of the two says where it is set. */
  readonly network: string | null;
  readonly interface: string | null;
}

/** When a program of the operator's own is run. */
export type HookName =
  'beforePrimary' | 'afterPrimary' | 'beforeStop' | 'afterStop' | 'afterSecondary' | 'afterWait' | 'afterChange';

export interface ResolvedHooks {
  readonly programs: Readonly<Partial<Record<HookName, readonly string[]>>>;
  readonly timeoutMs: number;
}

export interface ResolvedHost {
  readonly name: string;
  /** In the order of the file's networks. */
  readonly addresses: readonly { readonly network: string; readonly address: string }[];
}

export type ResolvedArbiter =
  { readonly kind: 'witness'; readonly hosts: readonly string[] } | ResolvedEtcd | { readonly kind: 'none' };

export interface ResolvedEtcd {
  readonly kind: 'etcd';
  /** Addresses of members, without a trailing slash. */
  readonly endpoints: readonly string[];
  /** Without a trailing slash. */
  readonly prefix: string;
  readonly user: string | null;
  readonly passwordFile: string | null;
  readonly caFile: string | null;
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
}

export interface ResolvedCluster {
  readonly name: string;
  readonly networks: readonly { readonly name: string; readonly replication: boolean }[];
  readonly hosts: readonly ResolvedHost[];
  readonly arbiter: ResolvedArbiter;
  readonly heartbeatMs: number;
  /** By host, as far as stated. */
  readonly capacity: Readonly<Record<string, Partial<Amount>>>;
  readonly ports: { readonly api: number; readonly agent: number };
  /** Null: no host is powered off by command. */
  readonly fence: ResolvedFence | null;
}

export interface ResolvedAgent {
  readonly host: string;
  readonly stateDirectory: string;
  readonly runDirectory: string;
  readonly api: {
    /** Null: every address of the host in the cluster file, and 127.0.0.1. */
    readonly listen: readonly string[] | null;
    readonly tls: boolean;
  };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly watchdog: {
    /** Null: none is used. */
    readonly device: string | null;
    readonly timeoutMs: number;
  };
  readonly events: {
    readonly level: EventLevel;
    readonly syslog: readonly {
      readonly protocol: 'udp' | 'tcp' | 'tls';
      readonly host: string;
      readonly port: number;
    }[];
    readonly webhooks: readonly {
      readonly url: string;
      readonly tokenFile: string | null;
      readonly level: EventLevel;
    }[];
  };
}

export type EventLevel = 'info' | 'warn' | 'error';

type Json = Readonly<Record<string, unknown>>;

/** Keys that the schema gives a default to are there after `fill`; that is what this type says of them. */
type Filled<T, Optional extends keyof T = never> = {
  readonly [Key in Exclude<keyof T, Optional>]-?: NonNullable<T[Key]>;
} & {
  readonly [Key in Optional]?: T[Key];
};

/** @param file a valid module file. */
export function resolveModule(file: ModuleFile): ResolvedModule {
  const filled = fill(moduleSchema, file) as Filled<ModuleFile>;
  const mirror = filled.mirror as Filled<ModuleFile['mirror']>;
  const failover = filled.failover as Filled<NonNullable<ModuleFile['failover']>>;
  const resync = filled.resync as Filled<NonNullable<ModuleFile['resync']>>;
  const { timeout, ...programs } = filled.hooks as Filled<NonNullable<ModuleFile['hooks']>, HookName>;
  const verify = filled.verify as Filled<NonNullable<ModuleFile['verify']>>;
  const { needs } = filled;
  return {
    name: filled.name,
    hosts: filled.hosts,
    mirror: {
      directory: withoutTrailingSlash(mirror.directories[0]),
      directories: mirror.directories.map(withoutTrailingSlash),
      exclude: mirror.exclude,
      acknowledgeTimeoutMs: duration(mirror.acknowledgeTimeout),
      directIo: mirror.directIo,
      onDiskError: mirror.onDiskError,
      processors: mirror.processors,
    },
    server: resolveServer(filled.server),
    virtualAddresses: filled.virtualAddresses.map((each) => ({
      ...splitPrefix(each.address),
      network: each.network ?? null,
      interface: each.interface ?? null,
    })),
    hooks: { programs, timeoutMs: duration(timeout) },
    failover: {
      automatic: failover.automatic,
      detectionMs: duration(failover.detection),
      withoutArbiter: failover.withoutArbiter,
      restarts: failover.restarts,
      restartPeriodMs: duration(failover.restartPeriod),
      maxFailovers: failover.maxFailovers,
      failoverPeriodMs: duration(failover.failoverPeriod),
      failback: failover.failback,
      failbackAfterMs: duration(failover.failbackAfter),
      failbackWindow: failover.failbackWindow,
      conditions: resolveConditions(failover.conditions),
    },
    resync: { bandwidth: resyncBandwidth(resync.bandwidth), undo: undoBytes(resync.undo) },
    verify: { bandwidth: rateOf(verify.bandwidth), schedule: verify.schedule },
    checks: resolveChecks(filled.checks, filled.server),
    needs: { cpu: needs.cpu ?? 0, memoryBytes: sizeOf(needs.memory) ?? 0 },
    priority: filled.priority,
    dependsOn: filled.dependsOn,
    dependencyTimeoutMs: filled.dependencyTimeout === 'never' ? null : duration(filled.dependencyTimeout),
    antiAffinity: filled.antiAffinity as ResolvedModule['antiAffinity'],
  };
}

function sizeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : required(parseSize(text), text);
}

function resyncBandwidth(text: string): number | null | 'adaptive' {
  return text === 'adaptive' ? text : rateOf(text);
}

function rateOf(text: string): number | null {
  const rate = required(parseRate(text), text);
  return rate === 'unlimited' ? null : rate;
}

function undoBytes(text: string): number | null {
  if (text === 'auto') return null;
  return text === 'off' ? 0 : required(parseSize(text), text);
}

function resolveServer(server: ModuleFile['server']): ResolvedQemu | ResolvedScripts {
  if (server.qemu !== undefined) {
    const qemu = server.qemu as Filled<QemuSection, 'cpu' | 'kernel' | 'initrd' | 'append' | 'serial'>;
    return {
      kind: 'qemu',
      binary: qemu.binary,
      accelerator: qemu.accelerator,
      machine: qemu.machine,
      cpu: qemu.cpu ?? null,
      cpus: qemu.cpus,
      memoryBytes: required(parseSize(qemu.memory), qemu.memory),
      kernel: qemu.kernel ?? null,
      initrd: qemu.initrd ?? null,
      append: qemu.append ?? null,
      disks: qemu.disks as readonly Required<DiskSection>[],
      networks: (qemu.networks as readonly Filled<NetworkCardSection, 'mac'>[]).map(({ bridge, mac, model }) => ({
        bridge,
        mac: mac ?? null,
        model,
      })),
      serial: qemu.serial ?? null,
      extraArguments: qemu.extraArguments,
      shutdownTimeoutMs: duration(qemu.shutdownTimeout),
      startTimeoutMs: duration(qemu.startTimeout),
    };
  }
  if (server.scripts === undefined) throw new Error('A valid module file has a server.');
  const scripts = server.scripts as Filled<ScriptsSection, 'check'>;
  return {
    kind: 'scripts',
    start: scripts.start,
    stop: scripts.stop,
    check: scripts.check ?? null,
    checkIntervalMs: duration(scripts.checkInterval),
    timeoutMs: duration(scripts.timeout),
  };
}

/** @param file a valid cluster file. */
export function resolveCluster(file: ClusterFile): ResolvedCluster {
  const filled = fill(clusterSchema, file) as Filled<ClusterFile, 'fence'>;
  const names = Object.keys(filled.networks);
  return {
    name: filled.name,
    networks: names.map((name) => ({ name, replication: filled.networks[name]?.replication === true })),
    hosts: Object.entries(filled.hosts).map(([name, addresses]) => ({
      name,
      addresses: names.flatMap((network) => {
        const address = addresses[network];
        return address === undefined ? [] : [{ network, address }];
      }),
    })),
    arbiter: resolveArbiter(filled.arbiter),
    heartbeatMs: duration(filled.heartbeat),
    capacity: Object.fromEntries(
      Object.entries(filled.capacity).map(([host, { cpu, memory }]) => {
        const memoryBytes = sizeOf(memory);
        return [host, { ...(cpu !== undefined && { cpu }), ...(memoryBytes !== undefined && { memoryBytes }) }];
      }),
    ),
    ports: filled.ports as Required<NonNullable<ClusterFile['ports']>>,
    fence: resolveFence(filled.fence),
  };
}

function resolveArbiter(arbiter: ClusterFile['arbiter']): ResolvedArbiter {
  if (arbiter === 'none') return { kind: 'none' };
  const { witness, etcd, prefix, ...files } = arbiter as Filled<
    ArbiterSection,
    Exclude<keyof ArbiterSection, 'prefix'>
  >;
  if (witness !== undefined) return { kind: 'witness', hosts: typeof witness === 'string' ? [witness] : witness };
  return {
    kind: 'etcd',
    endpoints: (etcd ?? []).map((url) => url.replace(/\/+$/, '')),
    prefix: prefix.replace(/\/+$/, ''),
    user: files.user ?? null,
    passwordFile: files.passwordFile ?? null,
    caFile: files.caFile ?? null,
    certificateFile: files.certificateFile ?? null,
    keyFile: files.keyFile ?? null,
  };
}

/** The hosts that are witnesses; none when the arbiter is no host of the cluster. */
export function witnessesOf({ arbiter }: Pick<ResolvedCluster, 'arbiter'>): readonly string[] {
  return arbiter.kind === 'witness' ? arbiter.hosts : [];
}

/** The witness of a pair: the first one that is not of it. Null: there is none. */
export function witnessOf(cluster: Pick<ResolvedCluster, 'arbiter'>, pair: readonly string[]): string | null {
  return witnessesOf(cluster).find((host) => !pair.includes(host)) ?? null;
}

/** @param file a valid agent file. */
export function resolveAgent(file: AgentFile): ResolvedAgent {
  const filled = fill(agentSchema, file) as Filled<AgentFile>;
  const events = filled.events as Filled<EventsSection>;
  return {
    host: filled.host,
    stateDirectory: withoutTrailingSlash(filled.stateDirectory),
    runDirectory: withoutTrailingSlash(filled.runDirectory),
    api: { listen: filled.api.listen ?? null, tls: filled.api.tls === true },
    logLevel: filled.logLevel,
    watchdog: {
      device: filled.watchdog === 'off' ? null : filled.watchdog,
      timeoutMs: duration(filled.watchdogTimeout),
    },
    events: {
      level: events.level,
      syslog: events.syslog.map(syslogReceiver),
      webhooks: (events.webhooks as readonly Filled<WebhookSection, 'tokenFile'>[]).map(
        ({ url, tokenFile, level }) => ({
          url,
          tokenFile: tokenFile ?? null,
          level,
        }),
      ),
    },
  };
}

function syslogReceiver(text: string): ResolvedAgent['events']['syslog'][number] {
  const [, protocol, bracketed, name, port] = /^(udp|tcp|tls):\/\/(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? name;
  if (host === undefined) throw new Error(`"${text}" has passed the schema and is no syslog server.`);
  return {
    protocol: protocol as 'udp' | 'tcp' | 'tls',
    host,
    port: port === undefined ? (protocol === 'tls' ? 6514 : 514) : Number(port),
  };
}

/** A copy of a valid value in which every key that has a default in the schema is set. */
function fill(schema: Json, value: unknown): unknown {
  return fillBy(schema, value, isObject(schema['definitions']) ? schema['definitions'] : {});
}

function fillBy(schema: Json, value: unknown, definitions: Json): unknown {
  const known = branchOf(dereference(schema, definitions), value, definitions);
  const { properties, additionalProperties, items } = known;
  if (Array.isArray(value)) return isObject(items) ? value.map((item) => fillBy(items, item, definitions)) : value;
  if (!isObject(value)) return value;
  const filled: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    const childSchema = isObject(properties) && isObject(properties[key]) ? properties[key] : additionalProperties;
    filled[key] = isObject(childSchema) ? fillBy(childSchema, child, definitions) : child;
  }
  for (const [key, child] of Object.entries(isObject(properties) ? properties : {})) {
    if (key in filled || !isObject(child)) continue;
    const missing = dereference(child, definitions);
    if ('default' in child) filled[key] = structuredCloneJson(child['default']);
    // A section that nothing in it is required of is there with all of its defaults; kinds of servers and checks are chosen, never filled in.
    else if (
      missing['type'] === 'object' &&
      !Array.isArray(missing['required']) &&
      missing['minProperties'] === undefined &&
      known['maxProperties'] === undefined
    ) {
      filled[key] = fillBy(missing, {}, definitions);
    }
  }
  return filled;
}

/** Of an object or a word, such as an arbiter or "none", the object's schema for an object. */
function branchOf(schema: Json, value: unknown, definitions: Json): Json {
  const { oneOf } = schema;
  if (!Array.isArray(oneOf) || !isObject(value)) return schema;
  const branches = (oneOf as unknown[]).flatMap((branch) =>
    isObject(branch) ? [dereference(branch, definitions)] : [],
  );
  return branches.find((branch) => branch['type'] === 'object') ?? schema;
}

function dereference(schema: Json, definitions: Json): Json {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const target = definitions[reference.replace('#/definitions/', '')];
  if (!isObject(target)) throw new Error(`The schema refers to ${reference}, which it does not define.`);
  return target;
}

function structuredCloneJson(value: unknown): unknown {
  // Most defaults are words and numbers.
  return typeof value === 'object' ? (JSON.parse(JSON.stringify(value)) as unknown) : value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

function duration(text: string): number {
  return required(parseDuration(text), text);
}

function required<T>(value: T | null, text: string): T {
  if (value === null) throw new Error(`"${text}" has passed the schema and is no quantity.`);
  return value;
}
