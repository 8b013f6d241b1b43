import { FaultDisk } from '../../mirror/faultDisk.ts';
import type { LabHost } from '../harness/host.ts';

const filler = '/srv/vm/filler';

/** Where each disk of a host is mounted: what is mirrored, and what the agent knows of its modules. */
const places = [
  { directory: '/srv/vm', megabytes: 224 },
  { directory: '/var/lib/understudy/modules', megabytes: 224 },
];

/** Disks of each host of the pair that lose what was not flushed when the power goes, and that can be full and slow. */
export class HostDisks {
  readonly #disks = new Map<string, readonly FaultDisk[]>();

  /** Before a host's agent starts for the first time. */
  readonly make = async (host: LabHost): Promise<void> => {
    const disks: FaultDisk[] = [];
    this.#disks.set(host.name, disks);
    for (const { directory, megabytes } of places) {
      const disk = await FaultDisk.make(megabytes, false);
      disks.push(disk);
      await host.run(['mkdir', '-p', '-m', '0700', directory, '/var/fresh']);
      await host.run(['mount', disk.device, '/var/fresh']);
      await host.run(['cp', '-a', '--sparse=always', `${directory}/.`, '/var/fresh/']);
      await host.run(['sync', '-f', '/var/fresh']);
      await host.run(['umount', '/var/fresh']);
    }
  };

  /** Whenever a host has been switched on. */
  readonly mount = async (host: LabHost): Promise<void> => {
    for (const [index, disk] of this.#of(host).entries()) {
      await host.run(['mount', disk.device, places[index]?.directory ?? '']);
    }
  };

  async powerOn(host: LabHost): Promise<void> {
    for (const disk of this.#of(host)) await disk.powerOn();
  }

  /** `kill` ends what runs on the host. */
  async losePower(host: LabHost, seed: number, kill: () => Promise<void>): Promise<void> {
    const disks = this.#of(host);
    if (disks.length === 0) await kill();
    else await FaultDisk.losePower(disks, seed, kill);
  }

  /** Uses up all room beside what is mirrored. */
  async fill(host: LabHost): Promise<void> {
    const result = await host.exec(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k']);
    if (!result.stderr.includes('No space left')) throw new Error(`the disk could not be filled: ${result.stderr}`);
  }

  async makeRoom(host: LabHost): Promise<void> {
    await host.exec(['rm', '-f', filler]);
  }

  async slow(host: LabHost, ms: number): Promise<void> {
    for (const disk of this.#of(host)) await disk.order({ do: 'slow', ms });
  }

  async remove(): Promise<void> {
    for (const disk of [...this.#disks.values()].flat()) await disk.remove().catch(() => undefined);
    this.#disks.clear();
  }

  #of(host: LabHost): readonly FaultDisk[] {
    return this.#disks.get(host.name) ?? [];
  }
}
