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

  /** Another one once a cluster was added again. */
  installation(name: string): string {
    const { ino = 0, ctimeMs = 0 } =
      statSync(join(this.clusterDirectory(name), 'tls'), { throwIfNoEntry: false }) ?? {};
    return `${String(ino)} ${String(ctimeMs)}`;
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
    const old = this.#beside(name, 'old');
    rmSync(old, { recursive: true, force: true });
    renameSync(this.clusterDirectory(name), old);
    syncDirectory(join(this.path, 'clusters'));
    rmSync(old, { recursive: true, force: true });
  }

  clear(name: string): void {
    this.#removeRecords(name);
  }

  /** What a cluster takes on the disk, bytes. */
  bytes(name: string): number {
    return diskUse(this.clusterDirectory(name)) + diskUse(this.recordsDirectory(name));
  }

  #beside(name: string, what: 'new' | 'old'): string {
    return join(this.path, 'clusters', `.${name}.${what}`);
  }

  #removeRecords(name: string): void {
    rmSync(this.recordsDirectory(name), { recursive: true, force: true });
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.'))
      .sort();
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
