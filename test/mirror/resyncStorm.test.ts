import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { Random } from './mountOperations.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

let pair: Pair;
afterEach(() => pair.remove());

const DIRECTORIES = 12;
const FILES = 20;

/** The same names for each replica, each with content of its own. */
function build({ directory }: TestHost, random: Random): void {
  for (let each = 0; each < DIRECTORIES; each++) {
    const parent = path.join(directory, `d${each}`);
    fs.mkdirSync(parent);
    for (let file = 0; file < FILES; file++) {
      fs.writeFileSync(path.join(parent, `f${file}`), random.bytes(random.below(9000)));
    }
  }
}

/** Gives files further names. */
function link({ directory }: TestHost, random: Random): void {
  const names = new Names(directory, random);
  for (let each = 0; each < 150; each++) change(names, random, linking);
}

/** What is in a directory now. */
class Names {
  readonly files: string[] = [];
  readonly directories: string[] = [];
  readonly #random: Random;
  readonly #top: string;

  constructor(directory: string, random: Random) {
    this.#top = directory;
    this.#random = random;
    for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
      (entry.isDirectory() ? this.directories : this.files).push(path.join(entry.parentPath, entry.name));
    }
  }

  get file(): string {
    return this.files.length === 0 ? this.#top : this.#random.pick(this.files);
  }

  get directory(): string {
    return this.directories.length === 0 ? this.#top : this.#random.pick(this.directories);
  }

  /** A name that may be taken or not. */
  within(prefix: string, count: number): string {
    return path.join(this.directory, `${prefix}${this.#random.below(count)}`);
  }
}

function exchange(one: string, other: string): void {
  libc.renameat2(libc.AT_FDCWD, one, libc.AT_FDCWD, other, libc.RENAME_EXCHANGE);
}

function write(file: string, random: Random): void {
  const fd = fs.openSync(file, 'r+');
  try {
    fs.writeSync(fd, random.bytes(200), 0, 200, random.below(6000));
  } finally {
    fs.closeSync(fd);
  }
}

type Move = (names: Names, random: Random) => void;

const linking: Move[] = [(names) => fs.linkSync(names.file, names.within('l', 40))];

const moves: Move[] = [
  (names) => fs.renameSync(names.file, names.within('n', 40)),
  (names) => fs.renameSync(names.file, names.within('n', 40)),
  (names) => exchange(names.file, names.file),
  (names) => fs.renameSync(names.directory, names.within('m', 10)),
  (names) => exchange(names.directory, names.directory),
  ...linking,
  (names) => {
    if (names.files.length > 150) fs.unlinkSync(names.file);
  },
  (names, random) => fs.writeFileSync(names.within('w', 20), random.bytes(random.below(3000))),
  (names, random) => write(names.file, random),
  (names, random) => fs.truncateSync(names.file, random.below(6000)),
];

/** One random change; it may fail, for names that do not fit. */
function change(names: Names, random: Random, among = moves): void {
  try {
    random.pick(among)(names, random);
  } catch (error) {
    if (libc.errnoOf(error) === undefined) throw error;
  }
}

/** Moves and changes what is there until the resync has ended. */
async function storm(host: TestHost, random: Random, from: number, among = moves): Promise<void> {
  const isOver = () => host.seen.slice(from).some(({ type }) => type === 'inStep' || type === 'peerLost');
  for (let names = new Names(host.directory, random), round = 1; !isOver(); round++) {
    for (let each = 0; each < 3; each++) change(names, random, among);
    if (round % 4 === 0) names = new Names(host.directory, random);
    await (round % 20 === 0
      ? new Promise((resolve) => setTimeout(resolve, 5))
      : new Promise((resolve) => setImmediate(resolve)));
  }
  expect(host.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
}

describe('a resync beside programs that move all that there is, again and again, leaves both replicas equal', () => {
  test.each([44, 47, 50, 51])('of what has changed (seed %i)', async (seed) => {
    pair = await new Pair({ both: { resyncBandwidth: 1 << 20 } }).open();
    const { alpha, beta } = pair;
    const random = new Random(seed);
    build(alpha, random);
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const before = alpha.seen.length;
    await beta.mirror.release();
    await alpha.event('peerLost', before);
    await pair.goAlone(alpha);
    for (const file of new Names(alpha.directory, random).files) if (random.below(2) === 0) write(file, random);
    await storm(alpha, random, await pair.attach(alpha, beta));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test.each([41, 46, 50, 53])('of everything (seed %i)', async (seed) => {
    pair = await new Pair({ both: { resyncBandwidth: 1 << 20 } }).open();
    const { alpha, beta } = pair;
    const random = new Random(seed);
    build(alpha, random);
    build(beta, random);
    await pair.serve(alpha);
    await storm(alpha, random, await pair.attach(alpha, beta));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test.each([202, 217, 225])('of everything, with files of several names (seed %i)', async (seed) => {
    pair = await new Pair({ both: { resyncBandwidth: 1 << 20 } }).open();
    const { alpha, beta } = pair;
    const random = new Random(seed);
    for (const host of [alpha, beta]) {
      build(host, random);
      link(host, random);
    }
    await pair.serve(alpha);
    await storm(alpha, random, await pair.attach(alpha, beta), [
      ...moves,
      ...linking,
      ...linking,
      ...moves.slice(0, 3),
    ]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});
