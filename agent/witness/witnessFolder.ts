import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoryDurably, readIfExists, syncDirectory, writeDurably } from '../platform/durable.ts';
import { storeIdentity, type Identity } from '../security/identity.ts';
import { saveHeldVersion, type HeldVersion } from './heldVersion.ts';

export const defaultWitnessFolder = '/var/lib/understudy-witness';

export interface ClusterFile {
  readonly name: string;
  readonly text: string;
}

/** A cluster of a witness as it is installed. */
export interface Installed {
  readonly file: ClusterFile;
  readonly identity: Pick<Identity, 'authority' | 'certificate' | 'key'>;
}

/**
 * Everything that a witness keeps: for each cluster, below the name that it has here, the cluster file and this host's certificate in
 * `clusters/NAME`, and the records in `records/NAME`. Nothing of it needs a backup.
 */
export class WitnessFolder {
  constructor(readonly path: string) {}

  get controlSocket(): string {
    return join(this.path, 'control.sock');
  }

  clusterDirectory(name: string): string {
    return join(this.path, 'clusters', name);
  }

  recordsDirectory(name: string): string {
    return join(this.path, 'records', name);
  }

  /** The clusters that are here. */
  names(): readonly string[] {
    return namesIn(join(this.path, 'clusters'));
  }

  /** Another one once a cluster was added again, or is gone. Whoever loads it learns why it cannot be read. */
  installation(name: string): string {
    try {
      const { ino, ctimeMs } = statSync(join(this.clusterDirectory(name), 'tls'));
      return `${String(ino)} ${String(ctimeMs)}`;
    } catch {
      return 'unreadable';
    }
  }

  /** After an {@link install} that was cut off: without its old files a cluster would be unknown, and its records taken for another one's. */
  recover(): void {
    const clusters = join(this.path, 'clusters');
    for (const each of hiddenIn(clusters)) {
      const name = /^\.(.+)\.old$/.exec(each)?.[1];
      if (name === undefined) continue;
      if (this.names().includes(name)) rmSync(join(clusters, each), { recursive: true, force: true });
      else renameSync(join(clusters, each), this.clusterDirectory(name));
      syncDirectory(clusters);
    }
  }

  /**
   * Puts the cluster file of a newer version in place of the one that is there; everything else stays.
   * @throws Error when it was added again meanwhile: its name may be another cluster's
   */
  takeOver(name: string, installation: string, file: ClusterFile, held: HeldVersion): void {
    if (this.installation(name) !== installation) throw new Error(`${name} was added again, or removed`);
    const directory = this.clusterDirectory(name);
    const path = join(directory, file.name);
    if (readIfExists(path)?.toString('utf8') !== file.text) writeDurably(path, file.text, { mode: 0o644 });
    saveHeldVersion(directory, held, file.text);
  }

  /** Puts a cluster here, or new files in place of those that it has; its records stay. At any moment the whole of it is there, or nothing. */
  install(name: string, { file, identity }: Installed): void {
    const directory = this.clusterDirectory(name);
    const [fresh, old] = [this.#beside(name, 'new'), this.#beside(name, 'old')];
    this.recover();
    for (const each of [fresh, old]) rmSync(each, { recursive: true, force: true });
    const isKnown = this.names().includes(name);
    // Left by a removal that was cut off: they may be another cluster's.
    if (!isKnown) this.#removeRecords(name);
    makeDirectoryDurably(fresh, 0o700);
    storeIdentity(fresh, identity);
    writeDurably(join(fresh, file.name), file.text, { mode: 0o644 });
    if (isKnown) renameSync(directory, old);
    renameSync(fresh, directory);
    syncDirectory(join(this.path, 'clusters'));
    rmSync(old, { recursive: true, force: true });
  }

  /** Takes a cluster out: from now on nobody answers for it. Its records go with {@link clear}, when nobody writes them any more. */
  remove(name: string): void {
    const gone = this.#beside(name, 'gone');
    for (const each of [gone, this.#beside(name, 'old')]) rmSync(each, { recursive: true, force: true });
    syncDirectory(join(this.path, 'clusters'));
    renameSync(this.clusterDirectory(name), gone);
    syncDirectory(join(this.path, 'clusters'));
    rmSync(gone, { recursive: true, force: true });
  }

  clear(name: string): void {
    this.#removeRecords(name);
  }

  /** What a cluster takes on the disk, bytes. */
  bytes(name: string): number {
    return diskUse(this.clusterDirectory(name)) + diskUse(this.recordsDirectory(name));
  }

  #beside(name: string, what: 'new' | 'old' | 'gone'): string {
    return join(this.path, 'clusters', `.${name}.${what}`);
  }

  #removeRecords(name: string): void {
    rmSync(this.recordsDirectory(name), { recursive: true, force: true });
  }
}

function namesIn(directory: string): readonly string[] {
  return entriesOf(directory).filter((name) => !name.startsWith('.'));
}

function hiddenIn(directory: string): readonly string[] {
  return entriesOf(directory).filter((name) => name.startsWith('.'));
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function diskUse(directory: string): number {
  const own = statSync(directory, { throwIfNoEntry: false });
  if (!own) return 0;
  const below = own.isDirectory() ? readdirSync(directory).map((name) => diskUse(join(directory, name))) : [];
  return below.reduce((sum, bytes) => sum + bytes, own.blocks * 512);
}
