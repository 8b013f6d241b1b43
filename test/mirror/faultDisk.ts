import { execFile, type ChildProcess, fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundleProgram } from '../support/bundles.ts';
import type { DiskOrder } from './faultDiskServer.ts';

const run = promisify(execFile);
let bundle: Promise<string> | null = null;

/**
 * A disk with an ext4 file system of its own (with a journal), mounted at `mountPoint`. Its power can be cut, and it can fail and be slow.
 * The test must not touch its files from this process while the disk is held.
 */
export class FaultDisk {
  readonly mountPoint: string;
  readonly #base: string;
  #server: ChildProcess | null = null;
  #loop = '';
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();

  private constructor(readonly isMounted: boolean) {
    this.#base = fs.mkdtempSync(path.join(os.tmpdir(), 'us-disk-'));
    this.mountPoint = path.join(this.#base, 'mounted');
    fs.mkdirSync(this.mountPoint);
    fs.writeFileSync(path.join(this.#base, 'device'), '');
  }

  /** @param isMounted false: whoever wants it mounts {@link device} where it likes, and takes it away before `remove` */
  static async make(megabytes: number, isMounted = true): Promise<FaultDisk> {
    const disk = new FaultDisk(isMounted);
    try {
      const durable = path.join(disk.#base, 'durable');
      fs.writeFileSync(durable, '');
      fs.truncateSync(durable, megabytes << 20);
      const lazy = 'lazy_itable_init=0,lazy_journal_init=0,nodiscard';
      await run('mkfs.ext4', ['-q', '-F', '-b', '4096', '-m', '0', '-J', 'size=8', '-E', lazy, durable]);
      await disk.#start();
      return disk;
    } catch (error) {
      await disk.remove();
      throw error;
    }
  }

  async #start(): Promise<void> {
    fs.copyFileSync(path.join(this.#base, 'durable'), path.join(this.#base, 'current'));
    const device = path.join(this.#base, 'device');
    bundle ??= bundleProgram('faultDisk', 'test/mirror/faultDiskServer.ts');
    const server = fork(await bundle, [this.#base, device], { execArgv: [] });
    this.#server = server;
    server.on('message', ({ id, result }: { id: number; result: unknown }) => {
      this.#waiting.get(id)?.resolve(result);
      this.#waiting.delete(id);
    });
    server.once('exit', (code, signal) => {
      if (this.#server !== server) return;
      const error = new Error(`the disk's process ended: ${signal ?? `code ${code}`}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    await new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    this.#loop = (await run('losetup', ['--find', '--show', device])).stdout.trim();
    if (this.isMounted) await run('mount', ['-t', 'ext4', this.#loop, this.mountPoint]);
  }

  /** The block device. */
  get device(): string {
    return this.#loop;
  }

  /** Null without power, and when the power goes before it is done. */
  order(order: DiskOrder): Promise<unknown> {
    const server = this.#server;
    if (server === null) return Promise.resolve(null);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      server.send({ id, order }, (error) => {
        if (error === null || !this.#waiting.delete(id)) return;
        reject(error);
      });
    });
  }

  /** The power goes, of this disk alone: see {@link losePower}. */
  powerLoss(seed: number, kill: () => Promise<void>): Promise<{ pending: number; kept: number }> {
    return FaultDisk.losePower([this], seed, kill);
  }

  /**
   * The power goes, of all disks of a host at one moment: nothing is answered from here on, `kill` ends what runs on this host, and each disk
   * holds what was flushed and any part of what was not. Returns how many blocks were not flushed, and how many of them are there all the same.
   */
  static async losePower(
    disks: readonly FaultDisk[],
    seed: number,
    kill: () => Promise<void>,
  ): Promise<{ pending: number; kept: number }> {
    // In the middle of what one of them is asked to write, if it is; what the others answer before they stop comes before that moment.
    await Promise.race(disks.map((disk) => disk.order({ do: 'hold', afterWrites: 1 + (seed % 7) })));
    await Promise.all(disks.map((disk) => disk.order({ do: 'hold', afterWrites: 0 })));
    const lost = await Promise.all(disks.map((disk, index) => disk.#cut(seed + 1000 * index)));
    const killed = kill();
    // A process that waits for the disk dies when the disk answers, before it can tell anybody.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.all(disks.map((disk) => disk.order({ do: 'vanish' })));
    await killed;
    for (const disk of disks) {
      await disk.#end();
      fs.renameSync(disk.#next, path.join(disk.#base, 'durable'));
    }
    return lost.reduce((sum, { pending, kept }) => ({ pending: sum.pending + pending, kept: sum.kept + kept }));
  }

  get #next(): string {
    return path.join(this.#base, 'next');
  }

  async #cut(seed: number): Promise<{ pending: number; kept: number }> {
    return (await this.order({ do: 'cut', file: this.#next, seed })) as { pending: number; kept: number };
  }

  /** The power is back: the file system's journal is replayed. */
  powerOn(): Promise<void> {
    return this.#start();
  }

  async #end(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const { resolve } of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
    await run('umount', ['-l', this.mountPoint]).catch(() => undefined);
    if (this.#loop) await run('losetup', ['-d', this.#loop]).catch(() => undefined);
    this.#loop = '';
    await run('umount', ['-l', path.join(this.#base, 'device')]).catch(() => undefined);
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    await new Promise((resolve) => {
      server.once('exit', resolve);
      server.kill('SIGKILL');
    });
  }

  async remove(): Promise<void> {
    if (this.#server) {
      await run('umount', [this.mountPoint]).catch(() => undefined);
      await this.#end();
    }
    fs.rmSync(this.#base, { recursive: true, force: true });
  }
}
