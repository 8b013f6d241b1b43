import { witnessOf, type ResolvedEtcd, type ResolvedModule } from '../../schemas/defaults.ts';
import type { Arbiter } from '../arbiter/arbiter.ts';
import { EtcdArbiter } from '../arbiter/etcd/etcdArbiter.ts';
import { EtcdLogin } from '../arbiter/etcd/etcdLogin.ts';
import { EtcdMember } from '../arbiter/etcd/etcdMember.ts';
import { EtcdMembers } from '../arbiter/etcd/etcdMembers.ts';
import { EtcdWatch } from '../arbiter/etcd/etcdWatch.ts';
import { NoArbiter } from '../arbiter/none.ts';
import type { RecordStore } from '../arbiter/recordStore.ts';
import { WitnessArbiter } from '../arbiter/witness.ts';
import type { Configuration } from '../config/configuration.ts';
import type { ArbiterRecord } from '../core/types.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import { fingerprint } from '../security/certificates.ts';
import { EtcdFiles } from '../security/etcdFiles.ts';
import type { Identity } from '../security/identity.ts';
import type { EventLog } from './eventLog.ts';

export interface ArbiterParts {
  readonly configuration: Configuration;
  readonly identity: Identity;
  readonly links: HostLinks;
  readonly records: RecordStore;
  /** The newest record that a module goes by here, whoever has told it. */
  readonly recordKnownOf: (module: string) => ArbiterRecord | null;
  /** Records are to be read anew: it was away, or holds something else. */
  readonly onReturned: () => void;
  readonly onChange: () => void;
  readonly log: EventLog;
}

export interface OpenArbiter {
  /** The arbiter of a module. */
  of(module: Pick<ResolvedModule, 'hosts'>): Arbiter;
  /** Whether all modules have theirs at hand. */
  reachable(): boolean;
  /** Resolves when it has been asked once, whatever came of it. */
  start(): Promise<void>;
  close(): void;
}

/**
 * The arbiter that the cluster file names.
 * @throws SecurityError when what this host proves itself to it with cannot be read.
 */
export function openArbiter(parts: ArbiterParts): OpenArbiter {
  const { arbiter } = parts.configuration.cluster;
  switch (arbiter.kind) {
    case 'etcd':
      return openEtcd(parts, arbiter);
    case 'witness':
      return openWitnesses(parts, arbiter.hosts);
    case 'none':
      return openNone(parts);
  }
}

function openWitnesses({ configuration, links }: ArbiterParts, hosts: readonly string[]): OpenArbiter {
  const { cluster } = configuration;
  const arbiters = new Map(
    hosts.map((host) => [
      host,
      new WitnessArbiter({
        request: (method, params, timeoutMs) => links.request(host, method, params, timeoutMs),
        reachable: () => links.reachable(host),
      }),
    ]),
  );
  return {
    of: (module) => {
      const arbiter = arbiters.get(witnessOf(cluster, module.hosts) ?? '');
      // Module files that have no third vote do not pass their checks.
      if (arbiter === undefined) throw new Error(`there is no witness for the pair of ${module.hosts.join(' and ')}`);
      return arbiter;
    },
    // Their reachability is that of hosts, which the links tell of. One that no module here asks is not missed.
    reachable: () => {
      const asked = configuration.modules.map((module) => witnessOf(configuration.cluster, module.hosts));
      return hosts
        .filter((host) => asked.length === 0 || asked.includes(host))
        .every((host) => host === configuration.self.name || links.reachable(host));
    },
    start: () => Promise.resolve(),
    close: () => undefined,
  };
}

function openEtcd(parts: ArbiterParts, etcd: ResolvedEtcd): OpenArbiter {
  const { configuration, identity, log, onReturned, onChange } = parts;
  const files = new EtcdFiles(etcd);
  const login = new EtcdLogin();
  const members = new EtcdMembers(
    etcd.endpoints.map((url) => new EtcdMember(url, files, login)),
    (reachable, reason) => {
      if (reachable) {
        log.add('info', null, 'ARBITER_UP', 'the arbiter is reachable: etcd answers');
        onReturned();
      } else log.add('warn', null, 'ARBITER_DOWN', `the arbiter is not reachable: ${reason}`);
      onChange();
    },
  );
  const prefix = `${etcd.prefix}/${configuration.cluster.name}`;
  let toldOf: string | null = null;
  const watch = new EtcdWatch({
    members,
    prefix,
    refresh: async () => {
      try {
        await files.refresh();
        toldOf = null;
      } catch (error) {
        const { message } = error as Error;
        if (message !== toldOf) log.add('warn', null, 'ARBITER_FILES', `${message} What was read before is used.`);
        toldOf = message;
      }
    },
    onReplaced: onReturned,
  });
  // Every host of a cluster has the same authority, and no other cluster has it.
  const arbiter = new EtcdArbiter({ members, prefix, owner: fingerprint(identity.authority) });
  return {
    of: () => arbiter,
    reachable: () => arbiter.reachable(),
    start: () => watch.start(),
    close: () => watch.close(),
  };
}

function openNone({ links, records, recordKnownOf }: ArbiterParts): OpenArbiter {
  // Also what a peer told that is silent now: what it told last is what it has to be taken over by.
  const arbiter = new NoArbiter(records, { copy: () => links.hurry(), knownRecord: recordKnownOf });
  return {
    of: () => arbiter,
    reachable: () => false,
    start: () => Promise.resolve(),
    close: () => undefined,
  };
}
