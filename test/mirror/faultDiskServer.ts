/**
 * One image file, served by FUSE for a loop device to lie on: a disk that loses what was not flushed when its power goes, and that can fail or be slow.
 * Runs as a process of its own. `DIRECTORY/current` is what the disk answers, `DIRECTORY/durable` what it would hold after a power loss if
 * it kept nothing of its cache.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errnos, mount } from '../../agent/platform/libc.ts';
import { Random } from './mountOperations.ts';

/** What the test tells the disk. */
export type DiskOrder =
  /** Answers nothing any more, once this many writes have come, or when none come; at once with 0. */
  | { readonly do: 'hold'; readonly afterWrites: number }
  /** Answers what was held, and goes on. */
  | { readonly do: 'resume' }
  /** Everything that is asked now and later fails, as with a device that is gone. */
  | { readonly do: 'vanish' }
  /** Writes into `file` what a power loss would leave: all that was flushed, and any of what was not. */
  | { readonly do: 'cut'; readonly file: string; readonly seed: number }
  /** Writes and flushes fail with this error from here on; null ends it. */
  | { readonly do: 'fail'; readonly errno: number | null }
  /** Writes that hold this text fail with EIO, as where sectors are bad; null ends it. */
  | { readonly do: 'failContent'; readonly text: string | null }
  /** Every write and flush takes this much longer, milliseconds. */
  | { readonly do: 'slow'; readonly ms: number };

const Op = { forget: 2, getattr: 3, setattr: 4, open: 14, read: 15, write: 16, statfs: 17, release: 18 } as const;
const More = { fsync: 20, flush: 25, init: 26, interrupt: 36, batchForget: 42 } as const;
const HEADER = 40;
const LARGEST = 128 * 1024;
/** A disk keeps or loses whole sectors; a file system's blocks are eight of them. */
const PIECE = 4096;
const SECTOR = 512;
/** So long an order to hold waits for writes, milliseconds. */
const HOLD_LIMIT_MS = 500;
const DIRECT_IO = 1;
const ASYNC_READ_BIG_WRITES_ASYNC_DIO = 1 | (1 << 5) | (1 << 15);

interface Pending {
  readonly offset: number;
  readonly data: Buffer;
}

class FaultDisk {
  readonly #fuse: number;
  readonly #current: number;
  readonly #durable: number;
  readonly #size: number;
  readonly #durableFile: string;
  /** Written and not flushed, in order. */
  #pending: Pending[] = [];
  #held: Buffer[] | null = null;
  /** How many writes are still taken before it holds, and whom to tell then. */
  #holdIn: { writes: number; readonly held: () => void } | null = null;
  #vanished = false;
  #errno: number | null = null;
  #badText: string | null = null;
  #slowMs = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(directory: string, mountPoint: string) {
    this.#durableFile = path.join(directory, 'durable');
    this.#current = fs.openSync(path.join(directory, 'current'), 'r+');
    this.#durable = fs.openSync(this.#durableFile, 'r+');
    this.#size = fs.fstatSync(this.#current).size;
    this.#fuse = fs.openSync('/dev/fuse', 'r+');
    const data = `fd=${this.#fuse},rootmode=100600,user_id=0,group_id=0`;
    mount('fault-disk', mountPoint, 'fuse.fault-disk', 0, data);
  }

  serve(): void {
    const buffer = Buffer.alloc(LARGEST + 8192);
    fs.read(this.#fuse, buffer, 0, buffer.length, null, (error, length) => {
      if (error) {
        if (error.code === 'EINTR' || error.code === 'EAGAIN' || error.code === 'ENOENT') this.serve();
        else process.exit(0);
        return;
      }
      this.#take(buffer.subarray(0, length));
      this.serve();
    });
  }

  #take(request: Buffer): void {
    if (this.#held) this.#held.push(request);
    else if (this.#slowMs === 0) this.#answer(request);
    else {
      const op = request.readUInt32LE(4);
      const slow = op === Op.write || op === More.fsync;
      // One arm: what is slow keeps the rest waiting.
      this.#turn = this.#turn.then(async () => {
        if (slow) await new Promise((resolve) => setTimeout(resolve, this.#slowMs));
        if (this.#held) this.#held.push(request);
        else this.#answer(request);
      });
    }
  }

  #reply(request: Buffer, errno: number, ...parts: readonly Uint8Array[]): void {
    const out = Buffer.concat([Buffer.alloc(16), ...parts]);
    out.writeUInt32LE(out.length, 0);
    out.writeInt32LE(-errno, 4);
    request.copy(out, 8, 8, 16);
    try {
      fs.writeSync(this.#fuse, out);
    } catch {
      // Interrupted meanwhile, or unmounted.
    }
  }

  #answer(request: Buffer): void {
    const op = request.readUInt32LE(4);
    if (op === Op.forget || op === More.batchForget || op === More.interrupt) return;
    if (this.#vanished && (op === Op.read || op === Op.write || op === More.fsync)) {
      this.#reply(request, errnos.EIO);
      return;
    }
    switch (op) {
      case More.init: {
        const out = Buffer.alloc(64);
        out.writeUInt32LE(7, 0);
        out.writeUInt32LE(31, 4);
        out.writeUInt32LE(LARGEST, 8);
        out.writeUInt32LE(ASYNC_READ_BIG_WRITES_ASYNC_DIO, 12);
        out.writeUInt16LE(64, 16);
        out.writeUInt16LE(48, 18);
        out.writeUInt32LE(LARGEST, 20);
        out.writeUInt32LE(1, 24);
        this.#reply(request, 0, out);
        return;
      }
      case Op.getattr:
      case Op.setattr: {
        const out = Buffer.alloc(16 + 88);
        out.writeUInt32LE(3600, 0);
        out.writeUInt32LE(1, 16);
        out.writeBigUInt64LE(BigInt(this.#size), 24);
        out.writeBigUInt64LE(BigInt(this.#size / SECTOR), 32);
        out.writeUInt32LE(0o100600, 16 + 60);
        out.writeUInt32LE(1, 16 + 64);
        out.writeUInt32LE(PIECE, 16 + 80);
        this.#reply(request, 0, out);
        return;
      }
      case Op.open: {
        const out = Buffer.alloc(16);
        out.writeUInt32LE(DIRECT_IO, 8);
        this.#reply(request, 0, out);
        return;
      }
      case Op.read: {
        const data = Buffer.alloc(request.readUInt32LE(HEADER + 16));
        const got = fs.readSync(this.#current, data, 0, data.length, Number(request.readBigUInt64LE(HEADER + 8)));
        this.#reply(request, 0, data.subarray(0, got));
        return;
      }
      case Op.write:
        this.#write(request);
        return;
      case More.fsync:
        if (this.#errno !== null) {
          this.#reply(request, this.#errno);
          return;
        }
        for (const { offset, data } of this.#pending) fs.writeSync(this.#durable, data, 0, data.length, offset);
        this.#pending = [];
        this.#reply(request, 0);
        return;
      case More.flush:
      case Op.release:
        this.#reply(request, 0);
        return;
      case Op.statfs:
        this.#reply(request, 0, Buffer.alloc(80));
        return;
      default:
        this.#reply(request, errnos.ENOSYS);
    }
  }

  #write(request: Buffer): void {
    if (this.#errno !== null) {
      this.#reply(request, this.#errno);
      return;
    }
    const offset = Number(request.readBigUInt64LE(HEADER + 8));
    const length = request.readUInt32LE(HEADER + 16);
    const data = Buffer.from(request.subarray(HEADER + 40, HEADER + 40 + length));
    if (this.#badText !== null && data.includes(this.#badText)) {
      this.#reply(request, errnos.EIO);
      return;
    }
    fs.writeSync(this.#current, data, 0, data.length, offset);
    this.#pending.push({ offset, data });
    if (this.#holdIn && --this.#holdIn.writes <= 0) this.#hold();
    const out = Buffer.alloc(8);
    out.writeUInt32LE(length, 0);
    this.#reply(request, 0, out);
  }

  #hold(): void {
    if (!this.#holdIn) return;
    this.#held ??= [];
    this.#holdIn.held();
    this.#holdIn = null;
  }

  order(order: DiskOrder): unknown {
    switch (order.do) {
      case 'hold':
        return new Promise<void>((resolve) => {
          const waiting = this.#holdIn;
          this.#holdIn = {
            writes: order.afterWrites,
            held: () => {
              waiting?.held();
              resolve();
            },
          };
          if (order.afterWrites === 0) this.#hold();
          else setTimeout(() => this.#hold(), HOLD_LIMIT_MS);
        });
      case 'resume': {
        const held = this.#held ?? [];
        this.#held = null;
        for (const request of held) this.#answer(request);
        return null;
      }
      case 'vanish': {
        this.#vanished = true;
        const held = this.#held ?? [];
        this.#held = null;
        for (const request of held) this.#answer(request);
        return null;
      }
      case 'cut':
        return this.#cut(order.file, order.seed);
      case 'fail':
        this.#errno = order.errno;
        return null;
      case 'failContent':
        this.#badText = order.text;
        return null;
      case 'slow':
        this.#slowMs = order.ms;
        return null;
    }
  }

  /** Any of the writes since the last flush may be there, in whole blocks or torn within one. */
  #cut(file: string, seed: number): { pending: number; kept: number } {
    const random = new Random(seed);
    const share = random.pick([0, 0, 10, 50, 90, 100]);
    fs.copyFileSync(this.#durableFile, file);
    const fd = fs.openSync(file, 'r+');
    let [pending, kept] = [0, 0];
    for (const { offset, data } of this.#pending) {
      for (let at = 0; at < data.length; at += PIECE) {
        pending++;
        if (random.below(100) >= share) continue;
        kept++;
        const whole = Math.min(PIECE, data.length - at);
        const torn = random.below(20) === 0 ? Math.min(whole, SECTOR * (1 + random.below(8))) : whole;
        fs.writeSync(fd, data, at, torn, offset + at);
      }
    }
    fs.closeSync(fd);
    return { pending, kept };
  }
}

const [directory = '', mountPoint = ''] = process.argv.slice(2);
const disk = new FaultDisk(directory, mountPoint);
disk.serve();
process.on('message', ({ id, order }: { id: number; order: DiskOrder }) => {
  void Promise.resolve(disk.order(order)).then((result) => process.send?.({ id, result }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, result: null });
