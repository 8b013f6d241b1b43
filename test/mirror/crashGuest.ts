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

const imageIn = (directory: string): string => path.join(directory, 'image');

/** How many writes at most come between two flushes. */
const flushEvery: Record<Writing, number> = { plain: 8, direct: 64, mapped: 8 };

/**
 * Writes blocks of the `image` in each directory in turn, in a fixed order, each sector with its version; flushes often, one directory after
 * the other; makes a file now and then; tells what is durable before it goes on.
 */
const program = (writing: Writing): string => `
const fs = require('node:fs');
const [first, ...directories] = process.argv.slice(1);
const turn = (number, all) => all[number % all.length];
${writingPrograms[writing]}
const images = directories.map(open);
const block = Buffer.alloc(${BLOCK});
const live = async () => {
  for (let version = Number(first); ; version++) {
    const at = (Math.imul(version, 2654435761) >>> 7) % ${BLOCKS};
    for (let sector = 0; sector < ${BLOCK}; sector += ${SECTOR}) {
      block.fill(version & 255, sector, sector + ${SECTOR});
      block.writeUInt32LE(version, sector);
      block.writeUInt32LE(at, sector + 4);
    }
    await turn(version, images).write(at, block);
    if (version % ${flushEvery[writing]} === 0) {
      await turn(version / ${flushEvery[writing]}, images).flush();
      fs.writeSync(1, 'durable ' + version + '\\n');
    }
    if (version % ${FILE_EVERY} === 0) {
      const directory = turn(version / ${FILE_EVERY}, directories);
      const name = directory + '/file-' + version;
      const file = fs.openSync(name + '.new', 'w');
      fs.writeSync(file, 'content of ' + version);
      if (version % ${4 * FILE_EVERY} < ${2 * FILE_EVERY}) fs.fsyncSync(file);
      else fs.fdatasyncSync(file);
      fs.closeSync(file);
      fs.renameSync(name + '.new', name);
      const parent = fs.openSync(directory, 'r');
      fs.fsyncSync(parent);
      fs.closeSync(parent);
      fs.writeSync(1, 'file ' + version + '\\n');
    }
  }
};
live().catch(() => process.exit(1));
`;

/** What a guest was told is durable, over all its lives, and whether a replica of one or several directories holds it. */
export class CrashGuest {
  readonly #writing: Writing;
  readonly #directories: number;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #output = '';
  /** Where its last life began, and where the next one begins. */
  #first = 1;
  #next = 1;
  /** Of each directory, by block: a version that is durable. */
  readonly #floors: readonly Uint32Array[];
  readonly #files = new Set<number>();
  durable = 0;

  constructor(writing: Writing = 'plain', directories = 1) {
    this.#writing = writing;
    this.#directories = directories;
    this.#floors = Array.from({ length: directories }, () => new Uint32Array(BLOCKS));
  }

  static prepare(directories: readonly string[]): void {
    for (const directory of directories) fs.writeFileSync(imageIn(directory), Buffer.alloc(BLOCKS * BLOCK));
  }

  start(directories: readonly string[]): void {
    this.#output = '';
    this.#first = this.#next;
    const child = spawn(process.execPath, ['-e', program(this.#writing), String(this.#first), ...directories], {
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
      else this.#flushed(version);
    }
  }

  /** The directory whose turn it was is durable up to this version. */
  #flushed(version: number): void {
    const every = flushEvery[this.#writing];
    const directory = (version / every) % this.#directories;
    const before = Math.max(this.#first, version - every * this.#directories + 1);
    for (let each = before; each <= version; each++) {
      const floors = each % this.#directories === directory ? this.#floors[directory] : undefined;
      if (floors) floors[blockOf(each)] = each;
    }
    this.durable = version;
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

  /** As {@link stop}, without waiting for its end: a program whose write is held ends only when that is answered. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Ends it, if it did not end by itself with its mount. */
  async stop(): Promise<void> {
    this.kill();
    await this.#ended;
    // What came behind the last durable version may have been written or not: the next life begins well above it.
    this.#next = Math.max(this.#next, this.durable + 1) + 1000;
  }

  /** What is missing of what was durable; empty when nothing is. */
  missing(directories: readonly string[]): string[] {
    const found = directories.flatMap((directory, index) => this.#missingIn(directory, index));
    for (const version of this.#files) {
      const file = path.join(directories[(version / FILE_EVERY) % this.#directories] ?? '', `file-${version}`);
      const content = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : 'nothing';
      if (content !== `content of ${version}`) found.push(`${file} holds ${content}`);
    }
    return found;
  }

  #missingIn(directory: string, index: number): string[] {
    const found: string[] = [];
    const image = fs.readFileSync(imageIn(directory));
    for (let block = 0; block < BLOCKS; block++) {
      const floor = this.#floors[index]?.[block] ?? 0;
      for (let at = block * BLOCK; at < (block + 1) * BLOCK; at += SECTOR) {
        const version = image.readUInt32LE(at);
        // A page may be written to the disk while the program is changing it.
        const whole =
          this.#writing === 'mapped' ||
          version === 0 ||
          (image.readUInt32LE(at + 4) === block &&
            blockOf(version) === block &&
            version % this.#directories === index &&
            image.subarray(at + 8, at + SECTOR).every((byte) => byte === (version & 255)));
        if (version < floor || !whole) {
          found.push(`block ${block} of ${directory} has version ${version} instead of ${floor} or later`);
        }
      }
    }
    return found;
  }

  /**
   * What is missing although something that was written later is there, in whichever directory, durable or not. A host that kept its power
   * has nothing of that kind: it holds the changes of all directories in one order. Empty unless the writes are made one by one: the order of
   * others is the kernel's.
   */
  skipped(directories: readonly string[]): string[] {
    if (this.#writing !== 'plain') return [];
    const images = directories.map((directory) => fs.readFileSync(imageIn(directory)));
    const held = images.map((image) => Array.from({ length: BLOCKS }, (_, block) => image.readUInt32LE(block * BLOCK)));
    const latest = Math.max(...held.flat());
    const found: string[] = [];
    for (let version = this.#first; version <= latest; version++) {
      const index = version % this.#directories;
      const there = held[index]?.[blockOf(version)] ?? 0;
      if (there < version) found.push(`${directories[index] ?? ''} lacks version ${version}, and ${latest} is there`);
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
