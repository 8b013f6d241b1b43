import type { LabHost } from '../../lab/harness/host.ts';
import type { LabNetwork } from '../../lab/harness/network.ts';

/** The cables look fine and nothing passes any more, on all networks of the host. */
export async function cutOff(network: LabNetwork, host: LabHost): Promise<void> {
  await Promise.all(host.station.networks.map((each) => network.cutSilently(host.station, each)));
}

export function crashGuest(host: LabHost): void {
  if (host.killGuest() !== 1) throw new Error(`${host.name} did not run one guest`);
}

/** More than one guest, on whichever hosts, is what no cluster may let happen. */
export function twoGuests(hosts: readonly Pick<LabHost, 'name' | 'guests'>[]): readonly string[] {
  const where = hosts.flatMap((host) => host.guests().map(() => host.name));
  return where.length > 1 ? [`${where.length} guests run, on ${where.join(' and ')}`] : [];
}
