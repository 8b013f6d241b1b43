import type { Configuration } from '../config/configuration.ts';
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
