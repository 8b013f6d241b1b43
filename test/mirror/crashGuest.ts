import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { writingPrograms, type Writing } from './crashGuestWriting.ts';

export const BLOCK = 4096;
const SECTOR = 512;
export const BLOCKS = 2048;
const FILE_EVERY = 40;

/** Which block write `version` goes to. */
const blockOf = (version: number): number => (Math.imul(version, 2654435761) >>> 7) % BLOCKS;

/** How many writes at most come between two flushes. */
const flushEvery: Record<Writing, number> = { plain: 8, direct: 64, mapped: 8 };

/** Writes blocks of `image` in a fixed order, each sector with its version; flushes often, makes a file now and then; tells what is durable. */
const program = (writing: Writing): string => `
const fs = require('node:fs');
const [directory, first] = process.argv.slice(1);
${writingPrograms[writing]}
const block = Buffer.alloc(${BLOCK});
const live = async () => {
  for (let version = Number(first); ; version++) {
    const at = (Math.imul(version, 2654435761) >>> 7) % ${BLOCKS};
    for (let sector = 0; sector < ${BLOCK}; sector += ${SECTOR}) {
      block.fill(version & 255, sector, sector + ${SECTOR});
      block.writeUInt32LE(version, sector);
      block.writeUInt32LE(at, sector + 4);
    }
    await write(at, block);
    if (version % ${flushEvery[writing]} === 0) {
      await flush();
      process.stdout.write('durable ' + version + '\\n');
    }
    if (version % ${FILE_EVERY} === 0) {
      const name = directory + '/file-' + version;
      const file = fs.openSync(name + '.new', 'w');
      fs.writeSync(file, 'content of ' + version);
      fs.fsyncSync(file);
      fs.closeSync(file);
      fs.renameSync(name + '.new', name);
      const parent = fs.openSync(directory, 'r');
      fs.fsyncSync(parent);
      fs.closeSync(parent);
      process.stdout.write('file ' + version + '\\n');
    }
  }
};
live().catch(() => process.exit(1));
`;

/** What a guest was told is durable, over all its lives, and whether a replica holds it. */
export class CrashGuest {
  readonly #writing: Writing;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #output = '';
  #next = 1;
  /** By block: a version that is durable. */
  readonly #floors = new Uint32Array(BLOCKS);
  readonly #files = new Set<number>();
  durable = 0;

  constructor(writing: Writing = 'plain') {
    this.#writing = writing;
  }

  static prepare(directory: string): void {
    fs.writeFileSync(path.join(directory, 'image'), Buffer.alloc(BLOCKS * BLOCK));
  }

  start(directory: string): void {
    this.#output = '';
    const child = spawn(process.execPath, ['-e', program(this.#writing), directory, String(this.#next)], {
      stdio: ['ignore', 'pipe', 'ignore'],
      cwd: path.join(import.meta.dirname, '..', '..'),
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#take();
    });
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
  }

  #take(): void {
    const lines = this.#output.split('\n');
    this.#output = lines.pop() ?? '';
    for (const line of lines) {
      const [what, number] = line.split(' ');
      const version = Number(number);
      if (what === 'file') this.#files.add(version);
      else {
        for (let each = this.#next; each <= version; each++) this.#floors[blockOf(each)] = each;
        this.#next = version + 1;
        this.durable = version;
      }
    }
  }

  /** Waits until that many more writes are durable. */
  async writes(count: number, limitMs = 20_000): Promise<void> {
    const until = this.durable + count;
    for (const end = Date.now() + limitMs; this.durable < until;) {
      if (Date.now() > end) {
        throw new Error(`the guest made ${this.durable - until + count} of ${count} writes durable`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Ends it, if it did not end by itself with its mount. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    // What came behind the last durable version may have been written or not: the next life begins well above it.
    this.#next = Math.max(this.#next, this.durable + 1) + 1000;
  }

  /** What is missing of what was durable; empty when nothing is. */
  missing(directory: string): string[] {
    const found: string[] = [];
    const image = fs.readFileSync(path.join(directory, 'image'));
    for (let block = 0; block < BLOCKS; block++) {
      const floor = this.#floors[block] ?? 0;
      for (let at = block * BLOCK; at < (block + 1) * BLOCK; at += SECTOR) {
        const version = image.readUInt32LE(at);
        // A page may be written to the disk while the program is changing it.
        const whole =
          this.#writing === 'mapped' ||
          version === 0 ||
          (image.readUInt32LE(at + 4) === block &&
            blockOf(version) === block &&
            image.subarray(at + 8, at + SECTOR).every((byte) => byte === (version & 255)));
        if (version < floor || !whole) found.push(`block ${block} has version ${version} instead of ${floor} or later`);
      }
    }
    for (const version of this.#files) {
      const file = path.join(directory, `file-${version}`);
      const content = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : 'nothing';
      if (content !== `content of ${version}`) found.push(`file-${version} holds ${content}`);
    }
    return found;
  }
}

/** Bytes of 4 KiB blocks in which two replicas differ. */
export function differingBytes(one: string, other: string): number {
  let bytes = 0;
  const names = new Set([...fs.readdirSync(one), ...fs.readdirSync(other)]);
  const read = (directory: string, name: string) => {
    const file = path.join(directory, name);
    return fs.existsSync(file) && fs.statSync(file).isFile() ? fs.readFileSync(file) : Buffer.alloc(0);
  };
  for (const name of names) {
    const [a, b] = [read(one, name), read(other, name)];
    for (let at = 0; at < Math.max(a.length, b.length); at += BLOCK) {
      if (!a.subarray(at, at + BLOCK).equals(b.subarray(at, at + BLOCK))) bytes += BLOCK;
    }
  }
  return bytes;
}
