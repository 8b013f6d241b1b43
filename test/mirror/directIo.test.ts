import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '../lab/harness/run.ts';
import { Pair, settle } from './pairHarness.ts';

const { O_CREAT, O_DIRECT, O_RDWR } = fs.constants;

/** What direct I/O of a length that no disk can do is answered with. */
function oddDirectWrite(file: string): string {
  const fd = fs.openSync(file, O_CREAT | O_RDWR | O_DIRECT, 0o644);
  try {
    return `${fs.writeSync(fd, Buffer.alloc(100, 1), 0, 100, 0)} bytes`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '?';
  } finally {
    fs.closeSync(fd);
  }
}

describe.runIf(process.getuid?.() === 0)('direct I/O', () => {
  let pair: Pair;
  afterEach(() => pair.remove());

  const open = async (directIo: 'cache' | 'disk') => {
    pair = await new Pair({ both: { directIo } }).open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    return pair.alpha.directory;
  };

  it('is served by the page cache unless the module says otherwise', async () => {
    const directory = await open('cache');
    expect(oddDirectWrite(path.join(directory, 'file'))).toBe('100 bytes');
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  });

  it('reaches the disk when the module says so: what the disk cannot do is refused as it is there', async () => {
    const directory = await open('disk');
    const there = oddDirectWrite(path.join(pair.alpha.base, 'plain'));
    expect(oddDirectWrite(path.join(directory, 'file'))).toBe(there);
    // Whole blocks pass, from where the kernel put them.
    const [file, copy] = [path.join(directory, 'blocks'), path.join(directory, 'copy')];
    fs.writeFileSync(file, Buffer.alloc(1 << 20, 'direct'));
    const argv = [`if=${file}`, `of=${copy}`, 'bs=64k', 'iflag=direct', 'oflag=direct', 'status=none'];
    await run(['dd', ...argv]);
    expect(fs.readFileSync(copy).equals(fs.readFileSync(file))).toBe(true);
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  });

  it('of many at a time reads what was written, wherever it lies', async () => {
    const file = path.join(await open('disk'), 'blocks');
    const [block, perWriter, writers] = [4096, 16, 12];
    // Memory that starts on a page, which direct I/O asks for.
    const memory = new WebAssembly.Memory({ initial: (2 * writers * block) / 65536 + 1 }).buffer;
    const handle = await fs.promises.open(file, O_CREAT | O_RDWR | O_DIRECT, 0o644);
    try {
      await handle.truncate(block * perWriter * writers);
      const write = async (writer: number) => {
        const out = Buffer.from(memory, 2 * writer * block, block);
        const back = Buffer.from(memory, (2 * writer + 1) * block, block);
        for (let turn = 0; turn < 60; turn++) {
          // Neighbours in the file belong to different writers.
          const at = (((turn * 7) % perWriter) * writers + writer) * block;
          out.fill(`${writer} in turn ${turn};`);
          expect((await handle.write(out, 0, block, at)).bytesWritten).toBe(block);
          expect((await handle.read(back, 0, block, at)).bytesRead).toBe(block);
          expect(back.equals(out)).toBe(true);
        }
      };
      await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
      const end = block * perWriter * writers;
      expect((await handle.read(Buffer.from(memory, 0, block), 0, block, end)).bytesRead).toBe(0);
    } finally {
      await handle.close();
    }
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  });
});
