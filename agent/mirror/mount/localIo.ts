import { AsyncIo, errnoOf, errnos, fdatasync, fsync, tryPread, tryPwrite } from '../../platform/libc.ts';
import { DiskPace } from '../diskPace.ts';
import type { DiskWaits } from '../link/diskWaits.ts';
import type { Mutation, MutationSink } from '../mutation.ts';
import { contentNow } from './contentNow.ts';
import { type FuseChannel, MOST_KEPT, type RequestBuffer, sendReply } from './channel.ts';
import type { Handle } from './handles.ts';
import type { LocalFiles } from './localFile.ts';
import type { FuseNode, NodeTable } from './nodes.ts';
import { type ReplyBuffer, ReplyBuffers } from './replyBuffers.ts';

/** Requests under way at a time. */
const DEPTH = 64;
/** A longer request keeps the disk busy for long enough to have it done beside. */
const LONGEST_HERE = 64 * 1024;
/** Reads under way at a time, and the bytes of the longest. */
const MOST_READS = 32;
const LONGEST_READ = 128 * 1024;
const NOT_BEGUN = -1;

interface UnderWay {
  readonly node: FuseNode;
  readonly fd: number;
  /** Of a write: where it goes and where it comes from. */
  readonly write: { readonly offset: number; readonly size: number; readonly buffer: RequestBuffer } | null;
  /** Of a read: where it comes from, where it goes, and which request it answers. */
  readonly read: {
    readonly offset: number;
    readonly size: number;
    readonly buffer: ReplyBuffer;
    readonly uniqueLow: number;
    readonly uniqueHigh: number;
  } | null;
  /** Of a flush. */
  readonly flush: { readonly datasync: boolean } | null;
  /** What the sink names it by. */
  begun: number;
  /** What came of it before the sink has told how it names it. */
  result: number | null;
}

/**
 * What the disk is at work on while the dispatcher goes on: direct reads and writes, and flushes. Whoever is about to change a range of a file
 * waits here for the writes to it that are under way, so that both replicas see them in one order. All is finished in the dispatcher's thread.
 */
export class LocalIo {
  readonly #io: AsyncIo;
  readonly #channel: FuseChannel;
  readonly #sink: MutationSink;
  readonly #nodes: NodeTable;
  readonly #files: LocalFiles;
  readonly #waits: DiskWaits;
  readonly #underWay = new Array<UnderWay | null>(DEPTH).fill(null);
  readonly #free = Array.from({ length: DEPTH }, (_, number) => number);
  #buffers: ReplyBuffers | null = null;
  /** Bytes of the longest request that is queued. */
  #longest = 0;
  readonly #pace = new DiskPace();
  readonly #flushPace = new DiskPace();
  #writes = 0;
  /** Writes that failed and are to be looked after. */
  #failed: { readonly each: UnderWay; readonly result: number }[] = [];

  private constructor(
    io: AsyncIo,
    channel: FuseChannel,
    sink: MutationSink,
    nodes: NodeTable,
    files: LocalFiles,
    waits: DiskWaits,
  ) {
    this.#io = io;
    this.#channel = channel;
    this.#sink = sink;
    this.#nodes = nodes;
    this.#files = files;
    this.#waits = waits;
  }

  /** Null where the kernel does not offer it. */
  static open(
    channel: FuseChannel,
    sink: MutationSink,
    nodes: NodeTable,
    files: LocalFiles,
    waits: DiskWaits,
  ): LocalIo | null {
    const io = AsyncIo.open(DEPTH);
    return io === null ? null : new LocalIo(io, channel, sink, nodes, files, waits);
  }

  get eventFd(): number {
    return this.#io.eventFd;
  }

  get pending(): number {
    return this.#io.pending;
  }

  /**
   * Takes over the WRITE that the channel holds. It is begun by {@link settle}, after the follower was told of it.
   * @param data as the channel holds them
   * @throws ErrnoError when the sink refuses
   */
  write({ node, fd }: Handle, offset: number, data: Uint8Array): void {
    while (this.#writes >= MOST_KEPT) this.#reap(true);
    const mutation: Mutation = { kind: 'write', file: this.#nodes.ref(node), offset, data };
    this.#sink.prepare(mutation);
    const number = this.#number();
    this.#io.write(number, fd, this.#channel.payload, data.byteLength, offset);
    this.#longest = Math.max(this.#longest, data.byteLength);
    this.#channel.put32(0, data.byteLength);
    this.#channel.put32(1, 0);
    const reply = { bytes: this.#channel.seal(8) };
    const buffer = this.#channel.keep();
    if (buffer === null) throw new Error('more writes are under way than there are buffers');
    this.#writes++;
    const write = { offset, size: data.byteLength, buffer };
    const each: UnderWay = { node, fd, write, read: null, flush: null, begun: NOT_BEGUN, result: null };
    this.#underWay[number] = each;
    each.begun = this.#sink.begin(mutation, reply);
    // It may have been done before it had a name.
    if (each.result !== null) this.#settle(each, each.result);
  }

  /** Begins what was taken over: with the follower first, which takes longer. */
  settle(nobodyWaits = false): void {
    if (this.#io.queued === 0) return;
    this.#sink.settle();
    if (!nobodyWaits || !this.#doHere()) this.#io.submit(this.#refused);
    this.#longest = 0;
    this.#repairFailed();
  }

  /** What is alone is spared the way through the kernel's queues and back. */
  #doHere(): boolean {
    if (this.#io.pending !== 1 || this.#longest > LONGEST_HERE) return false;
    const number = this.#io.takeBack();
    const each = this.#underWay[number];
    if (!each) return false;
    const pace = each.flush ? this.#flushPace : this.#pace;
    if (pace.try(() => this.#refused(number))) return true;
    this.#io.putBack();
    return false;
  }

  /** What the kernel does not carry out beside us is carried out here. */
  readonly #refused = (number: number): void => {
    const each = this.#underWay[number];
    if (each?.write) {
      const { buffer, size, offset } = each.write;
      this.#done(number, tryPwrite(each.fd, buffer.payloadBytes(0, size), offset));
    } else if (each?.read) {
      const { buffer, size, offset } = each.read;
      this.#done(number, tryPread(each.fd, buffer.content(size), offset));
    } else if (each?.flush) {
      const { fd, flush } = each;
      this.#done(number, -errnoAfter(() => (flush.datasync ? fdatasync(fd) : fsync(fd))));
    }
  };

  /** Takes over the READ that the channel holds, as {@link write}. Returns false when it is too long for that: then the caller reads. */
  read({ node, fd }: Handle, offset: number, size: number): boolean {
    if (size > LONGEST_READ) return false;
    this.#buffers ??= new ReplyBuffers(MOST_READS, LONGEST_READ);
    let buffer = this.#buffers.take();
    for (; buffer === null; buffer = this.#buffers.take()) this.#reap(true);
    const { uniqueLow, uniqueHigh } = this.#channel;
    const number = this.#number();
    this.#io.read(number, fd, buffer.address, size, offset);
    this.#longest = Math.max(this.#longest, size);
    const read = { offset, size, buffer, uniqueLow, uniqueHigh };
    this.#underWay[number] = { node, fd, write: null, read, flush: null, begun: NOT_BEGUN, result: null };
    return true;
  }

  /** Makes a file durable that has a name, and answers. */
  flush({ node, fd }: Handle, datasync: boolean): void {
    const number = this.#number();
    const reply = { bytes: this.#channel.seal(0) };
    // The follower's disk and ours work at the same time.
    const begun = this.#sink.beginFlush(this.#nodes.ref(node), datasync, reply);
    this.#io.flush(number, fd, datasync);
    this.#underWay[number] = { node, fd, write: null, read: null, flush: { datasync }, begun, result: null };
  }

  #number(): number {
    for (;;) {
      const number = this.#free.pop();
      if (number !== undefined) {
        this.#waits.requestBegun(number);
        return number;
      }
      this.#reap(true);
    }
  }

  /** Waits for the writes under way to a range of a file, `end` exclusive. */
  waitFor(node: FuseNode, start = 0, end = Infinity): void {
    if (this.#writes === 0) return;
    const overlaps = (each: UnderWay | null) =>
      each !== null &&
      each.node === node &&
      each.write !== null &&
      each.write.offset < end &&
      each.write.offset + each.write.size > start;
    while (this.#underWay.some(overlaps)) this.#reap(true);
  }

  /** Finishes what is done. */
  readonly reap = (): void => this.#reap(false);

  /** Waits for everything, and finishes it. */
  readonly drain = (): void => {
    while (this.#io.pending > 0) this.#reap(true);
    this.#repairFailed();
  };

  /** The event descriptor was readable. */
  onEvent(): void {
    this.#io.clear();
    this.#reap(false);
  }

  #reap(wait: boolean): void {
    if (wait) this.settle();
    this.#io.reap(wait, this.#done);
    this.#repairFailed();
  }

  #repairFailed(): void {
    while (this.#failed.length > 0) {
      const failed = this.#failed.shift();
      if (failed) this.#repair(failed.each, failed.result);
    }
  }

  readonly #done = (number: number, result: number): void => {
    const each = this.#underWay[number];
    this.#underWay[number] = null;
    this.#waits.requestDone(number);
    this.#free.push(number);
    if (!each) return;
    if (each.read !== null) {
      const { buffer, uniqueLow, uniqueHigh } = each.read;
      const reply = buffer.complete(result, uniqueLow, uniqueHigh);
      sendReply(this.#channel.fd, reply, reply.byteLength);
      this.#buffers?.giveBack(buffer);
      return;
    }
    if (each.write !== null) this.#writes--;
    if (each.begun === NOT_BEGUN) each.result = result;
    else this.#settle(each, result);
  };

  #settle(each: UnderWay, result: number): void {
    if (each.write === null) {
      this.#sink.finish(each.begun, result < 0 ? -result : 0, []);
    } else if (result === each.write.size) {
      this.#channel.giveBack(each.write.buffer);
      this.#sink.finish(each.begun, 0, []);
    } else {
      this.#failed.push({ each, result });
    }
  }

  /**
   * The disk took a write in part or not at all, when the peer had been told of all of it. What can still be written is; else the guest gets
   * the error that a local disk gives, and the peer the content that is there.
   */
  #repair(each: UnderWay, result: number): void {
    const { node, fd, write } = each;
    if (write === null) return;
    const { offset, size, buffer } = write;
    let written = Math.max(0, result);
    let errno = Math.max(0, -result);
    while (errno === 0 && written < size) {
      const more = tryPwrite(fd, buffer.payloadBytes(written, size), offset + written);
      if (more > 0) written += more;
      else errno = more === 0 ? errnos.ENOSPC : -more;
    }
    this.#channel.giveBack(buffer);
    // The size is that of the file as the peer knows it only when nothing is on its way.
    if (errno !== 0) this.waitFor(node);
    this.#sink.finish(each.begun, errno, errno === 0 ? [] : contentNow(this.#files, this.#nodes, node, offset, size));
  }

  /** Waits for everything and ends. */
  close(): void {
    this.drain();
    this.#io.close();
  }
}

/** The error number that an action ended with, 0 for none. */
export function errnoAfter(action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    return errnoOf(error) ?? errnos.EIO;
  }
}
