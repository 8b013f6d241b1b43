import type { DiskWaits } from '../link/diskWaits.ts';
import type { FileRef, Mutation, MutationSink } from '../mutation.ts';
import type { ColdReads } from './coldReads.ts';
import { contentNow } from './contentNow.ts';
import type { FuseChannel } from './channel.ts';
import type { HandleTable } from './handles.ts';
import { Note, type MountJournal } from './journal.ts';
import type { MountKeep } from './keep.ts';
import { rootOf } from '../replica/roots.ts';
import type { LocalFiles } from './localFile.ts';
import type { LocalIo } from './localIo.ts';
import type { FuseNode, NodeTable } from './nodes.ts';
import { ErrnoError, close, errnos, fileSystemOf, fileSystemOfNumber } from '../../platform/libc.ts';
import type { FileStat } from '../../platform/libc.ts';

/** What may be chosen of a mount's behaviour. */
export interface FuseOptions {
  /** How long the kernel may rely on names and attributes, seconds. The mount is the only writer, so long is safe. */
  readonly validSeconds: number;
  /**
   * Pass O_DIRECT on to the files below; otherwise their page cache serves direct I/O, and a flush is what makes it durable. May become another: a
   * file that is open stays as it is, since its holder may have looked at its opening at what its disk can do.
   */
  keepDirect: boolean;
  /** Requests that come in between two steps of idle work, at most, so that steady load does not starve it. */
  readonly requestsPerIdleStep: number;
  /** A script that calls `serveColdReads` in threads of its own, for reads that wait for the disk; null lets the dispatcher wait. */
  readonly coldReadScript: string | null;
  /** Where is said who waits for the disk below. */
  readonly diskWaits: DiskWaits;
  /** Told of anything unexpected; requests that are only refused are not. */
  readonly log: (message: string) => void;
}

/** What the handlers of requests share. */
export class MountContext {
  readonly channel: FuseChannel;
  readonly nodes: NodeTable;
  readonly handles: HandleTable;
  readonly files: LocalFiles;
  readonly sink: MutationSink;
  readonly options: FuseOptions;
  /** The device that the root lies on: with one mirrored directory what lies on another is not part of the mirror. */
  readonly device: number;
  /** Null: the dispatcher itself waits for the disk. */
  readonly coldReads: ColdReads | null;
  /** Null: the dispatcher itself waits for the disk. */
  readonly localIo: LocalIo | null;
  /** Null: nobody takes this mount over when this process ends. */
  readonly journal: MountJournal | null;
  readonly keep: MountKeep | null;
  /** The kernel says itself which writes clear set-id bits. */
  killPrivV2 = false;
  /** SETXATTR has the longer form. */
  setxattrExt = false;
  /** Changes of the present request that were applied to the files and not yet handed to the sink. */
  #applied: Mutation[] = [];

  constructor(parts: {
    channel: FuseChannel;
    nodes: NodeTable;
    handles: HandleTable;
    files: LocalFiles;
    sink: MutationSink;
    options: FuseOptions;
    device: number;
    coldReads: ColdReads | null;
    localIo: LocalIo | null;
    journal: MountJournal | null;
    keep: MountKeep | null;
  }) {
    this.channel = parts.channel;
    this.nodes = parts.nodes;
    this.handles = parts.handles;
    this.files = parts.files;
    this.sink = parts.sink;
    this.options = parts.options;
    this.device = parts.device;
    this.coldReads = parts.coldReads;
    this.localIo = parts.localIo;
    this.journal = parts.journal;
    this.keep = parts.keep;
  }

  /** Whether what a directory shows lies on another file system than itself: then it is not part of the mirror. */
  isForeign(parent: FuseNode, stat: FileStat): boolean {
    if (this.files.roots.length === 1) return stat.dev !== this.device;
    if (parent === this.nodes.root) return false;
    return fileSystemOf(stat.dev) !== fileSystemOfNumber(parent.ino) || this.#isOfAnotherRoot(parent, stat);
  }

  /** Whether a file has a name in another mirrored directory: only one of the two names could be replicated. */
  #isOfAnotherRoot(parent: FuseNode, stat: FileStat): boolean {
    const { roots } = this.files;
    const known = this.nodes.byIno(stat.ino);
    const path = known === undefined ? null : this.nodes.path(known);
    return path !== null && rootOf(roots, path) !== rootOf(roots, this.nodes.path(parent) ?? '');
  }

  /** The node that the request is about. Throws ESTALE when we do not know it. */
  node(id = this.channel.nodeId): FuseNode {
    const node = this.nodes.byId(id);
    if (node === undefined) throw new ErrnoError(errnos.ESTALE, 'fuse node');
    return node;
  }

  /**
   * One change: announced, applied, noted for {@link finish}. `action` may return the change as it really happened (inode number, short write),
   * or null when there is nothing to replicate.
   */
  apply(mutation: Mutation, action: () => Mutation | void): void {
    this.sink.prepare(mutation);
    const happened = action();
    this.#applied.push(happened ?? mutation);
  }

  /**
   * As {@link apply}, for a change of a file that may have no name any more. Nobody but its open handles can see such a file, on no replica after
   * a failover, so its changes are applied here and the sink never hears of them.
   */
  applyTo(node: FuseNode, describe: (file: FileRef) => Mutation, action: () => Mutation | void): void {
    if (this.isReplicated(node)) this.apply(describe(this.nodes.ref(node)), action);
    else action();
  }

  /** A change of a range of a file has failed, and was perhaps made in part: other replicas get what is there now. */
  repair(node: FuseNode, offset: number, size: number): void {
    if (!this.isReplicated(node)) return;
    const changes = contentNow(this.files, this.nodes, node, offset, size);
    if (changes === null) this.sink.unknown();
    else for (const each of changes) this.apply(each, () => undefined);
  }

  /** Nothing of the present request was applied yet. */
  get untouched(): boolean {
    return this.#applied.length === 0;
  }

  /** Hands the applied changes to the sink with the reply, and answers unless the sink does. */
  finish(bodyLength: number, errno = 0): void {
    const applied = this.#applied;
    if (applied.length === 0) return this.channel.answer(bodyLength, errno);
    this.#applied = [];
    const bytes = this.channel.seal(bodyLength, errno);
    if (this.journal?.pending === true) this.journal.end(this.channel.request, bytes);
    if (!this.sink.commit(applied, { bytes })) this.channel.sendSealed(bytes);
  }

  /** Answers a request that failed. What was applied of it before it failed is replicated all the same. */
  fail(errno: number): void {
    this.finish(0, errno);
  }

  /**
   * Called before a name is removed: when it is the last known one of a file, keeps hold of the file, so that requests by its node still reach
   * it and its inode number stays its own. Returns what undoes that, for when the name stays after all.
   */
  holdBeforeRemoval(node: FuseNode | undefined, path: string): () => void {
    if (node === undefined || node.links.length > 1 || node.orphanFd !== -1) return () => undefined;
    const fd = this.files.hold(path);
    node.orphanFd = fd;
    this.keepOpened(node);
    return () => {
      if (node.kept) this.keep?.drop(node);
      node.orphanFd = -1;
      close(fd);
    };
  }

  /** A file without a name that is open is held by the keeper, too: nothing else leads to it after this process. */
  keepOpened(node: FuseNode): void {
    if (this.keep && node.orphanFd !== -1 && node.openFds.length > 0 && !node.kept) this.keep.hold(node);
  }

  /** The request at hand is about to do what cannot simply be done again: see {@link Note}. */
  about(kind: number, numbers: readonly number[], names: readonly string[]): void {
    this.journal?.begin(this.channel.request, kind, numbers, names);
  }

  /** As {@link about}, of a name that is made. */
  aboutToMake(path: string): void {
    if (this.journal) this.about(Note.making, [typeof this.files.tryStat(path) === 'number' ? 0 : 1], [path]);
  }

  /** Tells the sink when a removed file cannot be named by its number either. Call it after the removal was committed. */
  releaseIfUnreachable(node: FuseNode | undefined, ino: number): void {
    if (node !== undefined && (node.openFds.length > 0 || this.nodes.path(node) !== null)) return;
    this.sink.released(ino);
  }

  /** Whether the file has a name in the mirror. When it had hard links, the one that is left may not be known yet: then it is looked for. */
  isReplicated(node: FuseNode): boolean {
    if (this.nodes.path(node) !== null) return true;
    if (node.isDirectory || this.files.stat(node).nlink === 0) return false;
    const path = this.files.findName(node.ino);
    if (path === null) return false; // a hard link from outside the mirrored directory
    let parent = this.nodes.root;
    let soFar = '';
    for (const name of path.split('/')) {
      soFar = soFar === '' ? name : `${soFar}/${name}`;
      const stat = this.files.tryStat(soFar);
      if (typeof stat === 'number') throw new ErrnoError(-stat, 'statx', soFar);
      parent = this.nodes.enter(parent, name, stat);
    }
    return true;
  }
}
