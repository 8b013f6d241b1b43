import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { pageAligned } from '../../agent/mirror/mount/channel.ts';
import { addressOf, AsyncIo } from '../../agent/platform/libc.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { Random } from './mountOperations.ts';
import { Pair, settle } from './pairHarness.ts';

const run = promisify(execFile);
const { O_CREAT, O_DIRECT, O_RDWR } = fs.constants;
const BLOCK = 4096;
const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

async function inStep(alpha: { directory?: string } = {}): Promise<Pair> {
  const pair = new Pair({ both: { directIo: 'disk', acknowledgeTimeoutMs: 20_000 }, alpha });
  cleanups.push(() => pair.remove());
  await pair.open();
  await pair.serve(pair.alpha);
  await pair.join(pair.alpha, pair.beta);
  return pair;
}

/** A block that O_DIRECT takes. */
const block = (blocks: number, byte: number) => Buffer.from(pageAligned(blocks * BLOCK), 0, blocks * BLOCK).fill(byte);

/** Direct writes by several threads at once, to places that overlap. Returns the errors, by code. */
async function compete(file: string, steps: number, places: number, seed: number, cuts = true) {
  const random = new Random(seed);
  const errors = new Map<string, number>();
  const handle = await fs.promises.open(file, O_CREAT | O_RDWR | O_DIRECT, 0o644);
  const writer = async () => {
    for (let step = 0; step < steps; step++) {
      const data = block(1 + random.below(8), random.below(256));
      try {
        await handle.write(data, 0, data.length, random.below(places) * BLOCK);
        if (random.below(16) === 0) await handle.datasync();
        if (cuts && random.below(40) === 0) await handle.truncate(random.below(places) * BLOCK);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '?';
        errors.set(code, (errors.get(code) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
  await handle.close();
  return errors;
}

describe.runIf(process.getuid?.() === 0)('direct writes that are under way together', () => {
  it('end equal on both replicas, wherever they overlap', async () => {
    const { alpha, beta } = await inStep();
    expect(await compete(path.join(alpha.directory, 'image'), 150, 24, 1)).toEqual(new Map());
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  it('that find the disk full leave both replicas equal and the pair whole', async () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'us-small-'));
    cleanups.push(() => fs.rmSync(base, { recursive: true, force: true }));
    const [device, mountPoint] = [path.join(base, 'device'), path.join(base, 'mounted')];
    fs.mkdirSync(mountPoint);
    fs.writeFileSync(device, '');
    fs.truncateSync(device, 16 << 20);
    await run('mkfs.ext4', ['-q', '-F', '-b', '4096', '-m', '0', '-O', '^has_journal', device]);
    await run('mount', ['-o', 'loop', device, mountPoint]);
    cleanups.push(() => run('umount', [mountPoint]));
    const { alpha, beta } = await inStep({ directory: path.join(mountPoint, 'data') });
    const errors = await compete(path.join(alpha.directory, 'image'), 200, 16_384, 2, false);
    expect([...errors.keys()]).toEqual(['ENOSPC']);
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  it('leave both replicas equal when one fails while its file is flushed', async ({ skip }) => {
    const disk = await FaultDisk.make(64);
    cleanups.push(() => disk.remove());
    const { alpha, beta } = await inStep({ directory: path.join(disk.mountPoint, 'data') });
    const file = path.join(alpha.directory, 'image');
    fs.writeFileSync(file, Buffer.alloc(16 * BLOCK, 'old '), { flush: true });
    const [writer, flusher] = [
      await fs.promises.open(file, O_RDWR | O_DIRECT),
      await fs.promises.open(file, O_RDWR | O_DIRECT),
    ];
    try {
      await disk.order({ do: 'slow', ms: 400 });
      await disk.order({ do: 'failContent', text: 'LOST' });
      // The dispatcher does not wait by itself for a disk that was slow a moment ago.
      await writer.write(block(1, 1), 0, BLOCK, 0);
      const data = block(1, 0);
      data.fill('LOST');
      // As a virtual machine writes: the kernel lets a flush of the file through meanwhile.
      const io = AsyncIo.open(1);
      if (io === null) {
        if (process.env['CI'] !== undefined) throw new Error('The kernel gives this process no asynchronous I/O.');
        return skip('the kernel gives this process no asynchronous I/O');
      }
      let result = 0;
      io.write(0, writer.fd, addressOf(data), BLOCK, BLOCK);
      io.submit((_, refused) => (result = refused));
      const held = () => fs.readFileSync(path.join(beta.directory, 'image')).includes('LOST');
      await vi.waitUntil(held, { interval: 5, timeout: 10_000 });
      await flusher.sync();
      io.reap(true, (_, done) => (result = done));
      io.close();
      expect(result).toBe(-5);
      await disk.order({ do: 'slow', ms: 0 });
    } finally {
      await writer.close();
      await flusher.close();
      await disk.order({ do: 'failContent', text: null });
    }
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  it('wait out a freeze and are all there after it', async () => {
    const { alpha, beta } = await inStep();
    const file = path.join(alpha.directory, 'image');
    const writing = compete(file, 100, 64, 3);
    await alpha.mirror.freeze();
    let over = false;
    void writing.then(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(over).toBe(false);
    await alpha.mirror.thaw();
    expect(await writing).toEqual(new Map());
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  it('fail when the mirror is aborted', async () => {
    const { alpha } = await inStep();
    const writing = compete(path.join(alpha.directory, 'image'), 2000, 64, 4).catch(() => new Map([['closed', 1]]));
    await alpha.mirror.freeze();
    await alpha.mirror.abort();
    expect((await writing).size).toBeGreaterThan(0);
  });
});
