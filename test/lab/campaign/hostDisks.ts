import { FaultDisk } from '../../mirror/faultDisk.ts';
import { etcdDirectory } from '../etcdOnHosts.ts';
import { everyRecord } from '../faultDisks.ts';
import type { LabHost } from '../harness/host.ts';
import type { ArbiterKind } from './target.ts';

const mirrored = '/srv/vm';
const filler = `${mirrored}/filler`;

/** A disk of a host, by where it is mounted. */
interface Place {
  readonly directory: string;
  readonly megabytes: number;
}

/** Everything on a host that decides which replica is the right one: what is mirrored, what the agent knows of its modules, and the arbiter's records. */
export function placesOf(host: string, arbiter: ArbiterKind): readonly Place[] {
  const places: Place[] = [];
  if (host !== 'gamma') {
    places.push({ directory: mirrored, megabytes: 224 }, { directory: '/var/lib/understudy/modules', megabytes: 224 });
  }
  // Its log alone takes two files of 64 MiB.
  if (arbiter === 'etcd') places.push({ directory: etcdDirectory, megabytes: 192 });
  else if (host === 'gamma') places.push({ directory: '/var/lib/understudy/arbiter', megabytes: 32 });
  return places;
}

interface MountedDisk extends Place {
  readonly disk: FaultDisk;
}

/** Disks of each host that lose what was not flushed when the power goes, and that can be full, slow, and fail. */
export class HostDisks {
  readonly #disks = new Map<string, readonly MountedDisk[]>();
  readonly #failing = new Set<string>();

  constructor(private readonly arbiter: ArbiterKind) {}

  /** Whenever a host has been switched on, before anything is started there. The first time it gets its disks, with what it has in their places. */
  readonly mount = async (host: LabHost): Promise<void> => {
    if (!this.#disks.has(host.name)) await this.#make(host);
    for (const { disk, directory } of this.#of(host)) await host.run(['mount', disk.device, directory]);
  };

  async powerOn(host: LabHost): Promise<void> {
    for (const { disk } of this.#of(host)) await disk.powerOn();
  }

  /** `kill` ends what runs on the host. */
  async losePower(host: LabHost, seed: number, kill: () => Promise<void>): Promise<void> {
    await FaultDisk.losePower(
      this.#of(host).map(({ disk }) => disk),
      seed,
      kill,
    );
    this.#failing.delete(host.name);
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
    for (const { disk } of this.#of(host)) await disk.order({ do: 'slow', ms });
  }

  /** Every write of a virtual server's record fails with EIO from here on, on this host. Whether it could be done: one host's disk at a time. */
  async fail(host: LabHost): Promise<boolean> {
    if (this.#failing.size > 0) return false;
    this.#failing.add(host.name);
    await this.#failContent(host, everyRecord);
    return true;
  }

  /** Ends {@link fail}. */
  async mend(host: LabHost): Promise<void> {
    await this.#failContent(host, null);
    this.#failing.delete(host.name);
  }

  async remove(): Promise<void> {
    for (const { disk } of [...this.#disks.values()].flat()) await disk.remove().catch(() => undefined);
    this.#disks.clear();
  }

  async #make(host: LabHost): Promise<void> {
    const disks: MountedDisk[] = [];
    this.#disks.set(host.name, disks);
    for (const place of placesOf(host.name, this.arbiter)) {
      const disk = await FaultDisk.make(place.megabytes, false);
      disks.push({ ...place, disk });
      await host.run(['mkdir', '-p', '-m', '0700', place.directory, '/var/fresh']);
      await host.run(['mount', disk.device, '/var/fresh']);
      await host.run(['cp', '-a', '--sparse=always', `${place.directory}/.`, '/var/fresh/']);
      await host.run(['sync', '-f', '/var/fresh']);
      await host.run(['umount', '/var/fresh']);
    }
  }

  async #failContent(host: LabHost, text: string | null): Promise<void> {
    const disk = this.#of(host).find(({ directory }) => directory === mirrored);
    await disk?.disk.order({ do: 'failContent', text });
  }

  #of(host: LabHost): readonly MountedDisk[] {
    return this.#disks.get(host.name) ?? [];
  }
}
