import type { ResolvedCluster, ResolvedHost, ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { parseIpAddress } from '../ipAddress.ts';
import { formatDuration } from '../units.ts';
import { hostOfMember } from './arbiterChecks.ts';

/** By its defaults etcd has another leader after one to two seconds; this is five of its `--election-timeout`. */
const patientDetectionMs = 5000;

/** A host of a pair must not take the third vote along when it dies: neither the majority of etcd, nor its leader for longer than the other host waits. */
export function* checkEtcdOfPair(module: ResolvedModule, cluster: ResolvedCluster): Iterable<Problem> {
  const { arbiter, hosts } = cluster;
  if (arbiter.kind !== 'etcd') return;
  for (const [index, name] of module.hosts.entries()) {
    const host = hosts.find((each) => each.name === name);
    const members = host === undefined ? [] : arbiter.endpoints.filter((url) => isOn(host, url));
    if (members.length === 0) continue;
    const problem = { code: 'etcd-in-pair', severity: 'warning', path: ['hosts', index] } as const;
    const found = `"${name}" carries ${members.join(' and ')}`;
    if (members.length * 2 >= arbiter.endpoints.length) {
      const expected = 'a majority of the members of etcd outside of each host of the pair';
      const message = `${found}: when it dies etcd has no majority of the members that are named, and the other host may not go on: expected ${expected}`;
      yield { ...problem, message, expected };
    } else if (module.failover.detectionMs < patientDetectionMs) {
      const expected = `members of etcd on hosts outside of the pair, "failover.detection" of ${formatDuration(patientDetectionMs)} or more, or elections of etcd that are made faster (see the README)`;
      const message = `${found}: when it dies and that member led, the other host may have ended its server before etcd has another leader: expected ${expected}`;
      yield { ...problem, message, expected };
    }
  }
}

function isOn({ name, addresses }: ResolvedHost, url: string): boolean {
  const member = hostOfMember(url);
  if (member === null) return false;
  const canonical = parseIpAddress(member)?.canonical;
  if (canonical === undefined) return member === name;
  return addresses.some(({ address }) => parseIpAddress(address)?.canonical === canonical);
}
