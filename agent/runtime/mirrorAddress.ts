import type { Configuration } from '../config/configuration.ts';
import type { Role } from '../core/types.ts';
import type { HostLinks } from '../host/hostLinks.ts';

/** The replication network if the peer is heard on it, else any network it is heard on, else the first choice. */
export function mirrorAddress(
  configuration: Pick<Configuration, 'cluster' | 'self'>,
  links: Pick<HostLinks, 'networks'>,
  peer: string,
): string {
  const { cluster, self } = configuration;
  const replication = new Set(cluster.networks.filter((network) => network.replication).map((network) => network.name));
  const shared = links.networks(peer);
  const best = [...shared].sort(
    (a, b) => Number(b.up) - Number(a.up) || Number(replication.has(b.network)) - Number(replication.has(a.network)),
  )[0];
  const own = self.addresses.find(({ network }) => network === best?.network) ?? self.addresses[0];
  if (!own) throw new Error(`${self.name} has no address in the cluster file`);
  return own.address;
}

/** In which a primary that hears of a session comes to it, milliseconds. */
const comesWithinMs = 2000;

/**
 * Whether a session that nobody has come to is offered on another network than it would be now: when a network is lost in one direction, the primary can
 * tell of the end of the session before it before this host has missed anybody there.
 * @param now as the core counts
 */
export function isOfferedInVain(role: Role, address: string, now: number): boolean {
  if (role.at !== 'following' || role.connected || role.spent) return false;
  return role.endpoint.address !== address && now - role.since > comesWithinMs;
}
