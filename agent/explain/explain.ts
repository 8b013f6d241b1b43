import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import type { ExplainedFault, ExplainedModule, FaultName } from '../../schemas/explain.ts';
import { assumptionsOf } from './assumptions.ts';
import type { Fault } from './fault.ts';
import { faultsOf } from './faults.ts';
import type { Told } from './mainClause.ts';
import { merged } from './merge.ts';
import { pacesFor } from './pace.ts';
import { sentencesOf } from './sentences.ts';
import { play, type Story } from './story.ts';

export interface ExplainOptions {
  /** Those alone; left out: all. */
  readonly fault?: FaultName | undefined;
  readonly host?: string | undefined;
}

/**
 * What a module will do in each failure, by playing it with the failover core itself.
 * @param cluster null: there is no cluster file
 */
export function explain(
  module: ResolvedModule,
  cluster: ResolvedCluster | null,
  { fault, host }: ExplainOptions = {},
): ExplainedModule {
  const around = cluster ?? assumedCluster(module);
  const chosen = faultsOf(module, around).filter(
    (each) => (fault === undefined || each.name === fault) && (host === undefined || each.host === host),
  );
  return {
    module: module.name,
    hosts: module.hosts,
    assumptions: assumptionsOf(module, around, cluster !== null),
    faults: chosen.map((each) => tell(each, module, storiesOf(each, module, around))),
  };
}

/** A fault at each pace, the usual one first. */
export function storiesOf(fault: Fault, module: ResolvedModule, cluster: ResolvedCluster): readonly Story[] {
  return pacesFor(module).map((pace) => play(fault, module, cluster, pace));
}

/** @param stories of that fault, as `storiesOf` plays them */
export function tell(fault: Fault, module: ResolvedModule, stories: readonly Story[]): ExplainedFault {
  const { told, others } = merged(stories.map(({ phases }) => phases));
  const about: Told = { module: module.name, hosts: module.hosts };
  const sentences = sentencesOf(about, told);
  const otherwise = others.flatMap((phases) => {
    const other = sentencesOf(about, phases).find((each) => !sentences.includes(each));
    return other === undefined ? [] : [`It may also come otherwise, as the moment has it: ${other}`];
  });
  const [story] = stories;
  return {
    fault: fault.name,
    host: fault.host,
    subject: fault.subject,
    title: fault.title,
    sentences: [...sentences, ...new Set(otherwise)],
    timeline: story?.timeline ?? [],
    events: story?.events ?? [],
    durationMs: story?.durationMs ?? 0,
  };
}

/** What most clusters are like. */
function assumedCluster({ hosts }: ResolvedModule): ResolvedCluster {
  const network = 'network';
  const witness = ['witness', 'gamma', 'arbiter'].find((name) => !hosts.includes(name)) ?? 'witness';
  return {
    name: 'cluster',
    networks: [{ name: network, replication: false }],
    hosts: [...hosts, witness].map((name) => ({ name, addresses: [{ network, address: '' }] })),
    arbiter: { kind: 'witness', hosts: [witness] },
    heartbeatMs: 250,
    capacity: {},
    ports: { api: 0, agent: 0 },
    fence: null,
  };
}
