/** The third vote of a cluster as the host sees it that answers, in the words that command line and editor share. */
import type { ArbiterStatus, Snapshot } from './generated/api.ts';

type Seen = Pick<Snapshot, 'arbiter' | 'hosts'>;

/** What each module of a cluster without an arbiter warns of, by its `withoutArbiter`. */
export const noArbiterWarnings = {
  manual: 'No arbiter: automatic failover is off, an operator has to force the other host.',
  'risk-split-brain':
    'No arbiter, and "risk-split-brain" is chosen: when only the network between the hosts fails, both run the server.',
} as const;

/** `witness gamma, reachable`, `witness alpha, gamma reachable, beta not`; null: there is no arbiter. */
export function arbiterText({ arbiter, hosts }: Seen): string | null {
  if (arbiter.kind === 'none') return null;
  const state = arbiter.reachable ? 'reachable' : 'not reachable';
  if (arbiter.kind === 'etcd') return `etcd (${(arbiter.endpoints ?? []).join(', ')}), ${state}`;
  const names = witnessesOf(arbiter);
  if (names.length < 2) return `witness ${names.join(', ')}, ${state}`;
  const up = names.filter((name) => isReachable(hosts, name));
  const down = names.filter((name) => !up.includes(name));
  if (down.length === 0) return `witness ${up.join(', ')}, reachable`;
  if (up.length === 0) return `witness ${down.join(', ')}, not reachable`;
  return `witness ${up.join(', ')} reachable, ${down.join(', ')} not`;
}

/** Whether the third vote of a module with these hosts answers; null: it has none. */
export function arbiterAnswers({ arbiter, hosts }: Seen, pair: readonly string[]): boolean | null {
  if (arbiter.kind === 'none') return null;
  const witnesses = witnessesOf(arbiter);
  if (witnesses.length < 2) return arbiter.reachable;
  const own = witnesses.find((name) => !pair.includes(name));
  return own !== undefined && isReachable(hosts, own);
}

function witnessesOf({ host, hosts }: ArbiterStatus): readonly string[] {
  return hosts ?? (host === null ? [] : [host]);
}

function isReachable(hosts: Seen['hosts'], name: string): boolean {
  return hosts.some((host) => host.name === name && host.reachable);
}
