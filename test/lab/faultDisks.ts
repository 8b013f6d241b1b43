import { FaultDisk } from '../mirror/faultDisk.ts';
import type { LabHost } from './harness/host.ts';
import type { LabCluster } from './harness/labCluster.ts';

/** What every record of the guest holds: where it is written, the disk fails. */
export const everyRecord = ' boot=';

/** A disk of its own for the virtual server, on each host of the pair, which fails when a test says so. */
export class FaultDisks {
  readonly #disks = new Map<string, FaultDisk>();

  readonly use = async (host: LabHost): Promise<void> => {
    const disk = await FaultDisk.make(192, false);
    this.#disks.set(host.name, disk);
    await host.run(['mkdir', '-p', '/var/fresh']);
    await host.run(['mount', disk.device, '/var/fresh']);
    await host.run(['cp', '-a', '--sparse=always', '/srv/vm/.', '/var/fresh/']);
    await host.run(['umount', '/var/fresh']);
    await host.run(['mount', disk.device, '/srv/vm']);
  };

  of(host: 'alpha' | 'beta'): FaultDisk {
    const disk = this.#disks.get(host);
    if (disk === undefined) throw new Error(`${host} has no such disk.`);
    return disk;
  }

  /** Writes that hold this text fail from here on; null: none do. */
  fail(host: 'alpha' | 'beta', text: string | null): Promise<unknown> {
    return this.of(host).order({ do: 'failContent', text });
  }

  async remove(): Promise<void> {
    for (const disk of this.#disks.values()) await disk.remove();
  }
}

/**
 * The kernel keeps what it could not write of a file for whoever flushes that file next, also after the disk was cured: then the secondary is
 * lost once more, and returns. So the guest has to have flushed its own through both disks.
 */
export async function becomesHealthyForGood(cluster: LabCluster, primary: 'alpha' | 'beta'): Promise<void> {
  await cluster.waitUntilHealthy(primary);
  await cluster.waitForRecords(primary, 20);
  await cluster.waitUntilHealthy(primary);
}
