import type { LabHost } from '../../lab/harness/host.ts';
import type { LabNetwork } from '../../lab/harness/network.ts';

/** The cables look fine and nothing passes any more, on all networks of the host. */
export async function cutOff(network: LabNetwork, host: LabHost): Promise<void> {
  await Promise.all(host.station.networks.map((each) => network.cutSilently(host.station, each)));
}

export function crashGuest(host: LabHost): void {
  if (host.killGuest() !== 1) throw new Error(`${host.name} did not run one guest`);
}

/** Hosts that run a guest: more than one is what no cluster may let happen. */
export function twoGuests(hosts: readonly LabHost[]): readonly string[] {
  const serving = hosts.filter((host) => host.guests().length > 0).map((host) => host.name);
  return serving.length > 1 ? [`guests run on ${serving.join(' and ')}`] : [];
}
