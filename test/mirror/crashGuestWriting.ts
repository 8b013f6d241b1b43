/** How a guest writes: as most programs do, sixteen at a time past its page cache, or into memory that is the file. */
export type Writing = 'plain' | 'direct' | 'mapped';

/**
 * Defines `open(directory)` of a guest, which gives `write(at, block)` and `flush()` of the image there; both may return a promise. What `write`
 * was called for before a `flush` is durable when that has ended; a second write to a block waits for the first one, as a guest's file system
 * sees to it.
 */
export const writingPrograms: Record<Writing, string> = {
  plain: `
const open = (directory) => {
  const fd = fs.openSync(directory + '/image', 'r+');
  let flushes = 0;
  return {
    write: (at, block) => void fs.writeSync(fd, block, 0, block.length, at * block.length),
    flush: () => (flushes++ % 2 === 0 ? fs.fsyncSync(fd) : fs.fdatasyncSync(fd)),
  };
};
`,
  // The memory of WebAssembly is aligned as direct writes need it.
  direct: `
const open = (directory) => {
  const fd = fs.openSync(directory + '/image', fs.constants.O_RDWR | fs.constants.O_DIRECT);
  const memory = Buffer.from(new WebAssembly.Memory({ initial: 1 }).buffer);
  const free = Array.from({ length: 16 }, (_, index) => memory.subarray(index * 4096, (index + 1) * 4096));
  const underWay = new Map();
  const write = async (at, block) => {
    while (underWay.has(at)) await underWay.get(at);
    while (free.length === 0) await Promise.race(underWay.values());
    const buffer = free.pop();
    block.copy(buffer);
    const written = new Promise((resolve, reject) => {
      fs.write(fd, buffer, 0, block.length, at * block.length, (error) => {
        underWay.delete(at);
        free.push(buffer);
        if (error) reject(error);
        else resolve();
      });
    });
    underWay.set(at, written);
  };
  const flush = async () => {
    await Promise.all(underWay.values());
    await new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve())));
  };
  return { write, flush };
};
`,
  mapped: `
const koffi = require('koffi');
const c = koffi.load(null);
const mmap = c.func('intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)');
const memcpy = c.func('intptr_t memcpy(intptr_t, const void *, size_t)');
const msync = c.func('int msync(intptr_t, size_t, int)');
const open = (directory) => {
  const fd = fs.openSync(directory + '/image', 'r+');
  const { size } = fs.fstatSync(fd);
  const base = Number(mmap(0, size, 3, 1, fd, 0));
  if (base === -1) throw new Error('mmap');
  return {
    write: (at, block) => void memcpy(base + at * block.length, block, block.length),
    flush: () => {
      if (msync(base, size, 4) !== 0) throw new Error('msync');
    },
  };
};
`,
};
