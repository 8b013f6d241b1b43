import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../lab/harness/run.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const IMAGE_SIZE = 32 * MIB;

const caches = ['none', 'writethrough', 'writeback', 'directsync', 'unsafe'];
/** QEMU refuses Linux' own asynchronous I/O with the page cache in between. */
const modesOf = (cache: string): string[] => [
  'threads',
  'io_uring',
  ...(cache === 'none' || cache === 'directsync' ? ['native'] : []),
];
const combinations = caches.flatMap((cache) => modesOf(cache).map((aio) => ({ cache, aio })));

/** What one run of qemu-io does, the same to any image; `seed` decides where and what. */
function changes(seed: number): string[] {
  const commands: string[] = [];
  let state = seed + 1;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const command = (name: string, unit: number, most: number) => {
    const length = (1 + below(most)) * unit;
    const offset = below(Math.floor((IMAGE_SIZE - length) / unit)) * unit;
    commands.push(`${name} ${offset} ${length}`);
  };
  for (let each = 0; each < 6; each++) {
    command(`write -q -P ${1 + below(254)}`, 4 * KIB, 16);
    // Smaller than a page, as old guests write.
    command(`write -q -P ${1 + below(254)}`, 512, 9);
    // Many at once.
    for (let slot = 0; slot < 8; slot++) {
      const offset = (each * 8 + slot) * 128 * KIB + below(30) * 4 * KIB;
      commands.push(`aio_write -q -P ${1 + below(254)} ${offset} ${8 * KIB}`);
    }
    commands.push('aio_flush');
    command('write -q -z -u', 64 * KIB, 3);
    command('discard -q', 64 * KIB, 4);
    commands.push('flush');
  }
  command('write -q -P 7', 4 * KIB, 512);
  return commands;
}

/** Runs qemu-io's commands on an image. It says what it found amiss, and nothing otherwise. */
async function qemuIo(file: string, options: readonly string[], commands: readonly string[]): Promise<void> {
  const each = commands.flatMap((command) => ['-c', command]);
  expect(await run(['qemu-io', '-d', 'unmap', ...options, ...each, file])).toBe('');
}

describe.skipIf(noMirror !== null)('images of QEMU', () => {
  const pair = useMirroredPair();

  describe.each(['raw', 'qcow2'])('of format %s', (format) => {
    const image = () => pair().at(`disk.${format}`);
    const scratch = () => pair().at(`scratch.${format}`);
    /** Told the same, outside of the mirror. */
    const reference = () => path.join(pair().plain, `reference-of-${format}`);

    beforeAll(async () => {
      for (const file of [image(), scratch()]) {
        await run(['qemu-img', 'create', '-q', '-f', format, file, String(IMAGE_SIZE)]);
      }
      await run(['qemu-img', 'create', '-q', '-f', 'raw', reference(), String(IMAGE_SIZE)]);
    });

    it.each(combinations)('hold what was written with cache=$cache and aio=$aio', async ({ cache, aio }) => {
      const seed = combinations.findIndex((one) => one.cache === cache && one.aio === aio);
      await qemuIo(image(), ['-f', format, '-t', cache, '-i', aio], changes(seed));
      await qemuIo(reference(), ['-f', 'raw', '-t', 'unsafe'], changes(seed));
      // Read back the way it was written, and the other way.
      const other = cache === 'none' ? 'writeback' : 'none';
      for (const read of new Set([cache, other])) {
        await run(['qemu-img', 'compare', '-q', '-T', read, '-f', format, '-F', 'raw', image(), reference()]);
      }
      if (format === 'qcow2') await run(['qemu-img', 'check', '-q', image()]);
      const bench = ['qemu-img', 'bench', '-f', format, '-t', cache, '-i', aio, '-d', '16', '-s', '4k', '-S', '20k'];
      await run([...bench, '-w', '--pattern=90', '--flush-interval=100', '-c', '400', scratch()]);
      await run([...bench, '-c', '400', scratch()]);
    });
  });

  it('keep snapshots, backing files and conversions', async () => {
    const at = (name: string) => pair().at(name);
    await run(['qemu-img', 'snapshot', '-c', 'before', at('disk.qcow2')]);
    await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', at('disk.qcow2'), at('overlay.qcow2')]);
    await qemuIo(at('overlay.qcow2'), ['-f', 'qcow2', '-t', 'none', '-i', 'io_uring'], changes(99));
    await run(['qemu-img', 'commit', '-q', '-t', 'none', at('overlay.qcow2')]);
    await qemuIo(path.join(pair().plain, 'reference-of-qcow2'), ['-f', 'raw', '-t', 'unsafe'], changes(99));
    const reference = path.join(pair().plain, 'reference-of-qcow2');
    await run(['qemu-img', 'compare', '-q', '-f', 'qcow2', '-F', 'raw', at('disk.qcow2'), reference]);
    await run([
      'qemu-img',
      'convert',
      '-q',
      '-W',
      '-m',
      '8',
      '-t',
      'none',
      '-O',
      'qcow2',
      '-c',
      at('disk.qcow2'),
      at('packed.qcow2'),
    ]);
    await run(['qemu-img', 'resize', '-q', at('disk.raw'), '-f', 'raw', '1T']);
    await run(['qemu-img', 'resize', '-q', '--shrink', '-f', 'raw', at('disk.raw'), String(IMAGE_SIZE)]);
    await run(['qemu-img', 'create', '-q', '-f', 'raw', '-o', 'preallocation=falloc', at('full.raw'), '8M']);
    await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'preallocation=full', at('full.qcow2'), '8M']);
    for (const name of ['disk', 'overlay', 'packed', 'full']) {
      await run(['qemu-img', 'check', '-q', at(`${name}.qcow2`)]);
    }
  });

  it('are the same on both hosts, holes included', async () => {
    await pair().expectEqualReplicas();
    const { alpha, beta } = pair().pair;
    for (const name of ['disk.raw', 'disk.qcow2']) {
      const [one, other] = [alpha, beta].map((host) => fs.statSync(path.join(host.directory, name)).blocks * 512);
      expect(Math.abs((one ?? 0) - (other ?? 0))).toBeLessThan(MIB);
    }
    const reference = path.join(pair().plain, 'reference-of-raw');
    await run([
      'qemu-img',
      'compare',
      '-q',
      '-f',
      'raw',
      '-F',
      'raw',
      path.join(beta.directory, 'disk.raw'),
      reference,
    ]);
  });
});
