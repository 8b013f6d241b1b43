import type { LastVerify, ModuleStatus, ReplicaStatus, Snapshot } from '../../schemas/generated/api.ts';
import { eventSamples } from './eventMetrics.ts';
import type { EventCount } from './facade.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: (snapshot: Snapshot) => readonly Sample[];
}

const states = ['STOP', 'WAIT', 'ALONE', 'PRIM', 'SECOND'] as const;

/** A replica that this host counts as serving: two of them at once would be two primaries. */
function isPrimary(replica: ReplicaStatus): boolean {
  return replica.known && (replica.state === 'PRIM' || replica.state === 'ALONE') && replica.transition !== 'frozen';
}

function perModule(value: (module: ModuleStatus) => number): Metric['samples'] {
  return ({ modules }) => modules.map((module) => [{ module: module.name }, value(module)]);
}

/** Of hosts that are heard: what others were like when they were heard last is not what they are like. */
function perReplica(value: (replica: ReplicaStatus) => number | null): Metric['samples'] {
  return perReplicaHeardOf((replica) => (replica.known ? value(replica) : null));
}

/** Of hosts that are not heard now, too. */
function perReplicaHeardOf(value: (replica: ReplicaStatus) => number | null): Metric['samples'] {
  return ({ modules }) =>
    modules.flatMap((module) =>
      module.onHosts.flatMap((replica): readonly Sample[] => {
        const number = value(replica);
        return number === null ? [] : [[{ module: module.name, host: replica.host }, number]];
      }),
    );
}

function ofLastVerify(value: (verify: LastVerify) => number | null): Metric['samples'] {
  return ({ modules }) =>
    modules.flatMap(({ name, lastVerify }): readonly Sample[] => {
      const number = lastVerify ? value(lastVerify) : null;
      return number === null ? [] : [[{ module: name }, number]];
    });
}

const metrics: readonly Metric[] = [
  {
    name: 'understudy_primaries_believed',
    help: 'Hosts that this agent believes to serve the module now. More than 1 is an alarm.',
    samples: perModule((module) => module.onHosts.filter(isPrimary).length),
  },
  {
    name: 'understudy_files_version',
    help: 'Number of the version of the cluster and module files that the host runs by.',
    samples: ({ hosts }) =>
      hosts.flatMap(({ name, version = null }): readonly Sample[] =>
        version === null ? [] : [[{ host: name }, version]],
      ),
  },
  {
    name: 'understudy_files_drift',
    help: 'Differences between the files of the hosts, and files that were edited by hand and not applied. More than 0 needs somebody.',
    samples: ({ configuration }) => [[{}, configuration?.drift.length ?? 0]],
  },
  {
    name: 'understudy_module_epoch',
    help: 'Highest epoch of the module known to this agent.',
    samples: perModule((module) => module.epoch),
  },
  {
    name: 'understudy_module_in_sync',
    help: 'Replicas in the in-sync set.',
    samples: perModule((module) => module.inSync.length),
  },
  {
    name: 'understudy_module_state',
    help: '1 for the state that the module is in on the host.',
    samples: ({ modules }) =>
      modules.flatMap((module) =>
        module.onHosts
          .filter(({ known }) => known)
          .flatMap((replica) =>
            states.map((state): Sample => [
              { module: module.name, host: replica.host, state },
              replica.state === state ? 1 : 0,
            ]),
          ),
      ),
  },
  {
    name: 'understudy_diverged',
    help: '1 when the replicas hold two histories, and an operator has to choose one.',
    samples: perModule((module) => (module.onHosts.some((replica) => replica.diverged) ? 1 : 0)),
  },
  {
    name: 'understudy_maintenance',
    help: '1 while an operator has the module in maintenance: it is neither restarted nor taken over by itself.',
    samples: perModule((module) => (module.maintenance ? 1 : 0)),
  },
  {
    name: 'understudy_host_drained',
    help: '1 while an operator has drained the host, or drains it.',
    samples: ({ hosts }) => hosts.map((host) => [{ host: host.name }, host.drain ? 1 : 0]),
  },
  {
    name: 'understudy_disk_failed',
    help: '1 when the disk of the host has lost writes that it had taken, until the replica was resynchronised from the other host.',
    samples: perReplicaHeardOf((replica) => (replica.diskError ? 1 : 0)),
  },
  {
    name: 'understudy_disk_silent',
    help: '1 while the disk of the host that serves the module does not answer a request, and the server waits for it.',
    samples: perReplica((replica) => (replica.diskSilentSince ? 1 : 0)),
  },
  {
    name: 'understudy_unacknowledged_writes',
    help: 'Writes that wait for the secondary.',
    samples: perReplica((replica) => replica.traffic?.unacknowledged ?? null),
  },
  {
    name: 'understudy_marked_bytes',
    help: 'Bytes in zones that may differ between the replicas.',
    samples: perReplica((replica) => replica.traffic?.markedBytes ?? null),
  },
  {
    name: 'understudy_write_bytes_per_second',
    help: 'What the server writes.',
    samples: perReplica((replica) => replica.traffic?.bytesPerSecond ?? null),
  },
  {
    name: 'understudy_replication_lag_seconds',
    help: 'Median time from a change to its acknowledgement.',
    samples: perReplica(({ traffic }) => (typeof traffic?.lagMicros === 'number' ? traffic.lagMicros / 1e6 : null)),
  },
  {
    name: 'understudy_resync_bytes_to_check',
    help: 'Bytes that the resync under way has to look at.',
    samples: perReplica((replica) => replica.resync?.toCheck ?? null),
  },
  {
    name: 'understudy_resync_bytes_checked',
    help: 'Bytes that the resync under way has looked at.',
    samples: perReplica((replica) => replica.resync?.checked ?? null),
  },
  {
    name: 'understudy_resync_bytes_sent',
    help: 'Bytes that the resync under way has sent.',
    samples: perReplica((replica) => replica.resync?.sent ?? null),
  },
  {
    name: 'understudy_resync_paused',
    help: '1 while an operator has paused the resync from the host: the module has no second replica until it is resumed.',
    samples: perReplica((replica) => (replica.resyncPaused === undefined ? null : replica.resyncPaused ? 1 : 0)),
  },
  {
    name: 'understudy_resync_seconds_left',
    help: 'How long the resync under way still takes, by its rate over the last seconds.',
    samples: perReplica((replica) => replica.resync?.secondsLeft ?? null),
  },
  {
    name: 'understudy_verify_differences',
    help: 'Differences between the replicas that the last verify found.',
    samples: ofLastVerify((verify) => verify.total),
  },
  {
    name: 'understudy_verify_success_timestamp_seconds',
    help: 'When the last verify ended, if it was complete and found no differences.',
    samples: ofLastVerify(({ outcome, total, at }) =>
      outcome === 'complete' && total === 0 ? Date.parse(at) / 1000 : null,
    ),
  },
  {
    name: 'understudy_verify_overdue',
    help: '1 while a verify that was due by the schedule of the module has not been made.',
    samples: perReplica(({ verifySchedule }) => (verifySchedule ? (verifySchedule.dueSince === null ? 0 : 1) : null)),
  },
  {
    name: 'understudy_check_failed',
    help: '1 while a check of the server has failed as often in a row as counts, 0 otherwise.',
    samples: ({ modules }) =>
      modules.flatMap((module) =>
        module.onHosts.flatMap(({ host, known, checks = [] }) =>
          (known ? checks : []).map(({ name, state }): Sample => [
            { module: module.name, host, check: name },
            state === 'failed' ? 1 : 0,
          ]),
        ),
      ),
  },
  {
    name: 'understudy_start_held_back',
    help: '1 while the host would start the module but for other modules, 0 otherwise.',
    samples: perReplica(({ heldBack = null }) => (heldBack === null ? 0 : 1)),
  },
  {
    name: 'understudy_condition_unmet',
    help: '1 while the host does not meet a condition to be primary of the module, 0 otherwise.',
    samples: ({ modules }) =>
      modules.flatMap((module) =>
        module.onHosts.flatMap(({ host, known, conditions = [] }) =>
          (known ? conditions : []).map(({ name, state }): Sample => [
            { module: module.name, host, condition: name },
            state === 'failed' ? 1 : 0,
          ]),
        ),
      ),
  },
  {
    name: 'understudy_last_failover_timestamp_seconds',
    help: 'When the module was started on another host last, by a failover, a switchover or by force; as far as the agents that run now know.',
    samples: ({ modules }) =>
      modules.flatMap(({ name, lastFailover }): readonly Sample[] =>
        lastFailover ? [[{ module: name, kind: lastFailover.kind }, Date.parse(lastFailover.at) / 1000]] : [],
      ),
  },
  {
    name: 'understudy_host_reachable',
    help: '1 when the host is heard from on at least one network.',
    samples: ({ hosts }) => hosts.map((host) => [{ host: host.name }, host.reachable ? 1 : 0]),
  },
  {
    name: 'understudy_certificate_seconds_left',
    help: 'How long the certificate of the host is good for, as it was last seen. After that no connection to the host can be made.',
    samples: ({ hosts, time }) =>
      hosts.flatMap(({ name, certificateEnd = null }): readonly Sample[] =>
        certificateEnd === null
          ? []
          : [[{ host: name }, Math.round((Date.parse(certificateEnd) - Date.parse(time)) / 1000)]],
      ),
  },
  {
    name: 'understudy_host_suspect',
    help: '1 while the host is late, or was heard again only lately.',
    samples: ({ hosts }) => hosts.map((host) => [{ host: host.name }, host.liveness === 'suspect' ? 1 : 0]),
  },
  {
    name: 'understudy_fence_device_up',
    help: '1 when this agent could power the host off: every device that the cluster file names for it has answered.',
    samples: ({ hosts }) =>
      hosts.flatMap(({ name, fence }): readonly Sample[] =>
        fence && fence.answers !== null ? [[{ host: name }, fence.answers ? 1 : 0]] : [],
      ),
  },
  {
    name: 'understudy_fence_failed',
    help: '1 when the last attempt of this agent to power the host off has failed, 0 when it has worked.',
    samples: ({ hosts }) =>
      hosts.flatMap(({ name, fence }): readonly Sample[] =>
        fence?.lastFenced ? [[{ host: name }, fence.lastFenced.ok ? 0 : 1]] : [],
      ),
  },
  {
    name: 'understudy_network_up',
    help: '1 when heartbeats of the host arrive on the network.',
    samples: ({ hosts }) =>
      hosts.flatMap((host) =>
        host.networks.map((network): Sample => [{ host: host.name, network: network.name }, network.up ? 1 : 0]),
      ),
  },
  {
    name: 'understudy_arbiter_reachable',
    help: '1 when this agent reaches the arbiter.',
    samples: ({ arbiter }) =>
      arbiter.kind === 'none' ? [] : [[{ host: arbiter.host ?? '' }, arbiter.reachable ? 1 : 0]],
  },
];

const eventsTotal = {
  name: 'understudy_events_total',
  help: 'How often an event was logged on this host since its agent started, by its code. Without a module: about the host.',
};

function escape(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function seriesText(
  { name, help }: Omit<Metric, 'samples'>,
  type: 'gauge' | 'counter',
  samples: readonly Sample[],
): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, label]) => `${key}="${escape(label)}"`);
    return `${name}{${pairs.join(',')}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** The snapshot, and how often what happened on this host, in Prometheus' text format, version 0.0.4. */
export function renderMetrics(snapshot: Snapshot, events: readonly EventCount[]): string {
  const gauges = metrics.map((metric) => seriesText(metric, 'gauge', metric.samples(snapshot)));
  return gauges.join('') + seriesText(eventsTotal, 'counter', eventSamples(snapshot, events));
}
