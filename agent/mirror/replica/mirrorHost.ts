import {
  directoriesOf,
  type AsideFacts,
  type Difference,
  type FollowerEndpoint,
  type LineageEntry,
  type Mirror,
  type MirrorEvent,
  type MirrorOptions,
  type MirrorSettings,
  type ReplicaRecord,
  type ResyncPace,
  type Stopped,
} from '../mirror.ts';
import { describeError, MirrorError } from '../mirrorError.ts';
import { FollowerHost } from './followerHost.ts';
import { checkAsideRoom, keepAside } from './keepAside.ts';
import { markFiles } from './markFile.ts';
import type { Inherited, TakenOver } from './inherited.ts';
import { identitiesOf } from './identity.ts';
import { type Location, openCovered, openLocation, refuseReplaced } from './location.ts';
import { markRolledBack } from '../undo/markRolledBack.ts';
import { rollBack } from '../undo/rollBack.ts';
import { dropUndo } from '../undo/undoJournal.ts';
import { PrimaryHost } from './primaryHost.ts';
import { pruneAside } from './pruneAside.ts';
import { RecordStore } from './record.ts';
import { recordPlace } from './recordPlace.ts';
import { numberRoots, rootsOf, type Roots } from './roots.ts';
import { ReplicaTree } from './tree.ts';
import { momentOfFiles } from './unwatchedChanges.ts';

/** An orderly release at the end of the process has this long, milliseconds. */
const CLOSE_LIMIT_MS = 10_000;

/** The mirror as its own process runs it: which role this host's replica has, and who carries it out. */
export class MirrorHost implements Omit<Mirror, 'events' | 'guard' | 'destroy' | 'renew'> {
  #options: MirrorOptions;
  readonly #emit: (event: MirrorEvent) => void;
  readonly #workers: string;
  readonly #location: Location;
  readonly #record: RecordStore;
  readonly #roots: Roots;
  readonly #inherited: Inherited | null;
  #follower: FollowerHost | null = null;
  #primary: PrimaryHost | null = null;

  /**
   * @param workers the folder of the worker bundles
   * @param takenOver its mount covers the directory
   * @throws MirrorError when the directories cannot be used
   */
  constructor(
    options: MirrorOptions,
    workers: string,
    emit: (event: MirrorEvent) => void,
    inherited: Inherited | null = null,
    takenOver: TakenOver | null = null,
  ) {
    this.#inherited = inherited;
    this.#options = options;
    this.#workers = workers;
    this.#emit = emit;
    this.#location = takenOver ? openCovered(options, takenOver.mount.backingFd) : openLocation(options);
    this.#roots = rootsOf(this.#location.rootFds.length);
    numberRoots(this.#location.rootFd, this.#roots);
    this.#record = RecordStore.open(recordPlace(options.stateDirectory), options.module);
    this.#record.bindTo(identitiesOf(this.#location.rootFds), directoriesOf(options));
    // What a crash left of something that is over.
    if (this.#record.value.consistent || !this.#record.value.restorable) dropUndo(options.stateDirectory);
    let { syncId } = this.#record.value;
    this.#record.onChange = (record) => {
      emit({ type: 'record', record });
      if (record.syncId === syncId) return;
      syncId = record.syncId;
      // A resync has ended: what was kept aside before it is compared with what took its place.
      if (this.#follower) void this.#prune();
    };
  }

  record(): Promise<ReplicaRecord> {
    return Promise.resolve(this.#record.value);
  }

  async enterEpoch(entry: LineageEntry): Promise<void> {
    if (this.#follower) {
      this.#follower.enterEpoch(entry);
      return;
    }
    this.#record.enter(entry);
    await this.#primary?.enterEpoch(entry);
  }

  async follow(address: string, epoch: number): Promise<FollowerEndpoint> {
    if (this.#primary) {
      throw new MirrorError('wrong-state', 'this host serves the mirror: release or abort it before it follows');
    }
    await this.#stopFollowing();
    refuseReplaced(directoriesOf(this.#options), this.#location.rootFds);
    const follower = (this.#follower = new FollowerHost({
      options: this.#options,
      record: this.#record,
      location: this.#location,
      address,
      epoch,
      emit: this.#emit,
      workers: this.#workers,
    }));
    await follower.ready();
    return follower.endpoint;
  }

  async #stopFollowing(): Promise<void> {
    const follower = this.#follower;
    if (!follower) return;
    await follower.stop();
    this.#follower = null;
  }

  async serve(epoch: number): Promise<void> {
    if (this.#primary) throw new MirrorError('wrong-state', 'this host serves the mirror already');
    if (epoch < this.#record.epoch) {
      throw new MirrorError(
        'lower-epoch',
        `epoch ${epoch} is over: this replica took part in epoch ${this.#record.epoch}`,
      );
    }
    await this.#stopFollowing();
    if (!this.#record.value.consistent && this.#record.value.restorable) await this.#rollBack();
    if (!this.#record.value.consistent) {
      throw new MirrorError(
        'not-consistent',
        'a resync into this replica was not completed: serve the module from the other host',
      );
    }
    refuseReplaced(directoriesOf(this.#options), this.#location.rootFds);
    const { stopped = null } = this.#record.value;
    // Before anything is changed: after a crash nobody can tell these changes from others.
    if (stopped?.served === false) this.#record.update({ stopped: { ...stopped, served: true } });
    try {
      this.#primary = await this.#startPrimary(null, stopped);
    } catch (error) {
      if (stopped?.served === false) this.#record.update({ stopped });
      throw error;
    }
  }

  /** Goes on serving what an earlier process of this mirror served. */
  async resume(takenOver: TakenOver): Promise<void> {
    this.#primary = await this.#startPrimary(takenOver, this.#record.value.stopped ?? null);
  }

  async #startPrimary(takenOver: TakenOver | null, stopped: Stopped | null): Promise<PrimaryHost> {
    const options = this.#options;
    const primary = await PrimaryHost.start({
      options,
      record: this.#record,
      location: this.#location,
      emit: this.#emit,
      workers: this.#workers,
      inherited: this.#inherited,
      stopped,
      takenOver,
    });
    // They became others meanwhile.
    if (this.#options !== options) primary.reconfigure(this.#options);
    return primary;
  }

  /** Takes back a resync that was not finished. What was kept goes when the replica is durably what it was. */
  async #rollBack(): Promise<void> {
    const { stateDirectory } = this.#options;
    const startedAt = performance.now();
    const changed = await rollBack(this.#tree(), stateDirectory);
    markRolledBack(markFiles(stateDirectory), changed);
    // By now the file system has changed all files itself.
    this.#record.update({ consistent: true, restorable: false, stopped: null });
    dropUndo(stateDirectory);
    const durationMs = Math.round(performance.now() - startedAt);
    this.#emit({ type: 'rolledBack', epoch: this.#record.epoch, durationMs });
  }

  /** A tree of its own: other users keep theirs. */
  #tree(): ReplicaTree {
    const { rootFd, rootFds } = this.#location;
    return new ReplicaTree(rootFd, this.#roots, rootFds);
  }

  #serving(): PrimaryHost {
    if (!this.#primary) throw new MirrorError('wrong-state', 'this host does not serve the mirror');
    return this.#primary;
  }

  async attach(address: string, endpoint: FollowerEndpoint, epoch: number): Promise<void> {
    await this.#serving().attach(address, endpoint, epoch);
  }

  onPeerLoss(mode: 'hold' | 'continue'): Promise<void> {
    return Promise.resolve().then(() => this.#serving().onPeerLoss(mode));
  }

  async freeze(): Promise<void> {
    await this.#serving().freeze();
  }

  async pause(): Promise<boolean> {
    return this.#serving().pause();
  }

  thaw(): Promise<void> {
    return Promise.resolve().then(() => this.#serving().thaw());
  }

  goAlone(entry: LineageEntry): Promise<void> {
    return Promise.resolve().then(() => {
      const primary = this.#serving();
      // Durable before anything that waits is released.
      this.#record.enter(entry);
      primary.goAlone();
    });
  }

  paceResync(pace: ResyncPace): Promise<void> {
    return Promise.resolve().then(() => this.#serving().paceResync(pace));
  }

  reconfigure(settings: MirrorSettings): Promise<void> {
    // Also for the role that comes after this one.
    this.#options = { ...this.#options, ...settings };
    return Promise.resolve().then(() => {
      this.#follower?.reconfigure(settings);
      this.#primary?.reconfigure(settings);
    });
  }

  verify(bandwidth: number | null): Promise<void> {
    return Promise.resolve().then(() => this.#serving().verify(bandwidth));
  }

  stopVerify(): Promise<boolean> {
    return Promise.resolve(this.#primary?.stopVerify() ?? false);
  }

  async markDifferences(differences: readonly Difference[] | null): Promise<void> {
    await this.#serving().markDifferences(differences);
  }

  /** See {@link PrimaryHost.tellEnd}. */
  async tellEnd(isDead: (limitMs: number) => Promise<boolean>): Promise<void> {
    await this.#primary?.tellEnd(isDead);
  }

  async abort(): Promise<void> {
    const primary = this.#primary;
    this.#primary = null;
    await primary?.abort();
    await this.#stopFollowing();
  }

  async release(): Promise<void> {
    const allMarked = (await this.#primary?.release()) ?? false;
    this.#primary = null;
    const followed = this.#follower !== null;
    await this.#stopFollowing();
    const { consistent, lineage, stopped = null } = this.#record.value;
    // Where an earlier moment stands, the resync since then has not ended, and may not have come to what was changed before it.
    if (allMarked || (followed && consistent && lineage.length > 0 && stopped === null)) this.#noteEnd();
  }

  /** From here on nobody watches what is changed. */
  #noteEnd(): void {
    try {
      const at = String(momentOfFiles(this.#options.stateDirectory));
      this.#record.update({ stopped: { at, served: false } });
    } catch (error) {
      // As after a crash.
      console.error(`The end of the mirror could not be recorded: ${describeError(error).message}`);
    }
  }

  async keepAside(name: string, about: AsideFacts): Promise<string> {
    if (this.#primary) {
      throw new MirrorError('wrong-state', 'this host serves the mirror: what it serves is not put aside');
    }
    return keepAside(this.#tree(), this.#options.stateDirectory, this.#options.module, name, about);
  }

  async checkAsideRoom(): Promise<void> {
    await checkAsideRoom(this.#tree(), this.#options.stateDirectory);
  }

  async #prune(): Promise<void> {
    try {
      await pruneAside(this.#tree(), this.#options.stateDirectory);
    } catch (error) {
      // Everything is kept then; the next resync tries again.
      console.error(`what is kept aside could not be compared: ${describeError(error).message}`);
    }
  }

  async close(): Promise<void> {
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), CLOSE_LIMIT_MS).unref());
    try {
      await Promise.race([this.release(), late]);
    } catch {
      // In use, frozen or stuck: the end of the process must not depend on that.
      await this.abort();
    }
  }
}
