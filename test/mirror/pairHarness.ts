import type { Plugin } from 'esbuild';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MirrorController } from '../../agent/mirror/controller.ts';
import { directoriesOf, type MirrorEvent, type MirrorOptions } from '../../agent/mirror/mirror.ts';
import { ReplicaTree, joinPath, type Entry } from '../../agent/mirror/replica/tree.ts';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { bundleMirror } from '../support/bundles.ts';
import { cleanUpTogether } from '../support/cleanUp.ts';

/**
 * How long a secondary may be silent unless a test is about just that: longer than an fsync takes on a disk that others use. A primary that
 * loses it for less would hold its calls, and those that the test makes itself keep it from ever getting on.
 */
const ACKNOWLEDGE_MS = 20_000;

const bundles = new Map<number | null, Promise<string>>();

/** Has a key of the link's changed after so many frames. */
const keysOf = (frames: number): Plugin => ({
  name: 'keys',
  setup: (bundle) =>
    bundle.onLoad({ filter: /sealer\.ts$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8');
      const contents = source.replace('frames: 1 << 20', `frames: ${frames}`);
      if (contents === source) throw new Error('the limits of a key are not where they were');
      return { contents, loader: 'ts' };
    }),
});

/**
 * Bundles the mirror process of this source tree into a folder of its own; returns mirror.mjs.
 * @param keyFrames after so many frames a key of the link's changes; null: as in the product
 */
export function mirrorBundle(keyFrames: number | null = null): Promise<string> {
  const plugins = keyFrames === null ? [] : [keysOf(keyFrames)];
  const bundled = bundles.get(keyFrames) ?? bundleMirror('mirror', plugins, 'inline');
  bundles.set(keyFrames, bundled);
  return bundled;
}

/** One host's replica under test. */
export class TestHost {
  readonly name: string;
  readonly base: string;
  readonly options: MirrorOptions;
  readonly seen: MirrorEvent[] = [];
  readonly log: string[] = [];
  /** See {@link mirrorBundle}; for the next process. */
  keyFrames: number | null = null;
  readonly #ownDirectory: string;
  #controller: MirrorController | null = null;
  #waiters: (() => void)[] = [];

  constructor(
    name: string,
    options: Partial<MirrorOptions> = {},
    base = fs.mkdtempSync(path.join(os.tmpdir(), `us-${name}-`)),
  ) {
    this.name = name;
    this.base = base;
    const directory = options.directory ?? path.join(base, 'data');
    this.#ownDirectory = directory;
    fs.mkdirSync(directory, { recursive: true });
    for (const further of options.furtherDirectories ?? []) fs.mkdirSync(further, { recursive: true });
    this.options = {
      module: 'web',
      host: name,
      directory,
      stateDirectory: path.join(base, 'state'),
      exclude: [],
      acknowledgeTimeoutMs: ACKNOWLEDGE_MS,
      directIo: 'cache',
      processors: 'awake',
      resyncBandwidth: null,
      resyncUndo: null,
      ...options,
    };
  }

  get directory(): string {
    return this.options.directory;
  }

  /** All of them, in their order. */
  get directories(): readonly string[] {
    return directoriesOf(this.options);
  }

  get mirror(): MirrorController {
    if (!this.#controller) throw new Error(`${this.name} is not open`);
    return this.#controller;
  }

  get isOpen(): boolean {
    return this.#controller !== null;
  }

  async open(): Promise<MirrorController> {
    this.#controller = await MirrorController.open(this.options, {
      bundle: await mirrorBundle(this.keyFrames),
      onLog: (line) => this.log.push(line),
    });
    this.#controller.events((event) => {
      this.seen.push(event);
      for (const waiter of this.#waiters.splice(0)) waiter();
    });
    return this.#controller;
  }

  /** The first event of a type from `from` on (an index into `seen`); waits for it. */
  async event<T extends MirrorEvent['type']>(
    type: T,
    from = 0,
    limitMs = 30_000,
    accept: (event: Extract<MirrorEvent, { type: T }>) => boolean = () => true,
  ): Promise<Extract<MirrorEvent, { type: T }>> {
    const end = Date.now() + limitMs;
    for (;;) {
      const found = this.seen
        .slice(from)
        .find((event) => event.type === type && accept(event as Extract<MirrorEvent, { type: T }>));
      if (found) return found as Extract<MirrorEvent, { type: T }>;
      if (Date.now() > end) {
        throw new Error(
          `${this.name}: no "${type}" within ${limitMs} ms; seen ${JSON.stringify(this.seen.filter((e) => e.type !== 'stats').slice(-5))} log ${this.log.join('\n')}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Kills the mirror process like a crash would, and takes away what a reboot would take away. */
  async crash(): Promise<void> {
    const controller = this.#controller;
    if (!controller) return;
    const from = this.seen.length;
    controller.destroy();
    await this.event('failed', from, 10_000);
    this.#controller = null;
    for (const directory of this.#places) while (mountAt(directory) !== null) unmount(directory);
  }

  /** Where a mirror process may have mounted something. */
  get #places(): readonly string[] {
    return [...this.directories.toReversed(), path.join(this.options.stateDirectory, 'mount')].filter((directory) =>
      fs.existsSync(path.dirname(directory)),
    );
  }

  async close(): Promise<void> {
    await this.#controller?.close();
    this.#controller = null;
  }

  async remove(): Promise<void> {
    try {
      await this.close();
    } finally {
      for (const directory of [this.#ownDirectory, ...this.#places]) {
        while (mountAt(directory) !== null) unmount(directory);
      }
      fs.rmSync(this.base, { recursive: true, force: true });
    }
  }
}

/** Two hosts of one module, and what happens between them. */
export class Pair {
  readonly alpha: TestHost;
  readonly beta: TestHost;
  epoch = 0;

  constructor(
    options: { both?: Partial<MirrorOptions>; alpha?: Partial<MirrorOptions>; beta?: Partial<MirrorOptions> } = {},
  ) {
    this.alpha = new TestHost('alpha', { ...options.both, ...options.alpha });
    this.beta = new TestHost('beta', { ...options.both, ...options.beta });
  }

  async open(): Promise<this> {
    await this.alpha.open();
    await this.beta.open();
    return this;
  }

  /** A host becomes primary in the next epoch. */
  async serve(host: TestHost): Promise<void> {
    this.epoch++;
    await host.mirror.enterEpoch({ epoch: this.epoch, primary: host.name });
    await host.mirror.serve(this.epoch);
  }

  /** Attaches without waiting for the end of the resync. */
  async attach(primary: TestHost, follower: TestHost): Promise<number> {
    const endpoint = await follower.mirror.follow('127.0.0.1', this.epoch);
    const from = primary.seen.length;
    await primary.mirror.attach('127.0.0.1', endpoint, this.epoch);
    return from;
  }

  /** Attaches, waits until both are in step, enters the next epoch. */
  async join(primary: TestHost, follower: TestHost, limitMs = 30_000) {
    const from = await this.attach(primary, follower);
    const inStep = await primary.event('inStep', from, limitMs);
    await primary.mirror.onPeerLoss('hold');
    this.epoch++;
    await primary.mirror.enterEpoch({ epoch: this.epoch, primary: primary.name });
    return inStep;
  }

  /** The arbiter has recorded a host alone. */
  async goAlone(host: TestHost): Promise<void> {
    this.epoch++;
    await host.mirror.goAlone({ epoch: this.epoch, primary: host.name });
  }

  async remove(): Promise<void> {
    await cleanUpTogether([() => this.alpha.remove(), () => this.beta.remove()]);
  }
}

/** A file as it has to be equal on both replicas. */
export type Described = Omit<Entry, 'ino' | 'xattrs' | 'mtime'> & {
  mtime: string;
  xattrs: string[];
  content: string;
  links: string;
};

/** Everything in a directory, by path: attributes, and the content as a hash. Times of access and change are left out. */
export function describe(directory: string): Map<string, Described> {
  const found = new Map<string, Described>();
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const groups = new Map<number, string>();
  try {
    const tree = new ReplicaTree(fd);
    const visit = (entry: Entry, at: string) => {
      const { ino, xattrs, mtime, ...rest } = entry;
      const isFile = (entry.mode & 0o170000) === 0o100000;
      const isDirectory = (entry.mode & 0o170000) === 0o040000;
      if (entry.nlink > 1 && !isDirectory && !groups.has(ino)) groups.set(ino, at);
      found.set(at, {
        ...rest,
        name: at,
        mtime: String(mtime),
        xattrs: xattrs.map(({ name, value }) => `${name}=${value.toString('hex')}`),
        content: isFile ? hashFile(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(at, 'latin1')])) : '',
        links: groups.get(ino) ?? '',
      });
      if (isDirectory) for (const child of tree.list(at)) visit(child, joinPath(at, child.name));
    };
    const top = tree.entry('');
    if (top) visit(top, '');
    tree.forgetDirectories();
  } finally {
    fs.closeSync(fd);
  }
  return found;
}

function hashFile(file: Buffer): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

/** How two replicas differ, path by path; empty when they are equal. */
export function differences(one: string, other: string): string[] {
  const a = describe(one);
  const b = describe(other);
  const found: string[] = [];
  for (const at of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [JSON.stringify(a.get(at)), JSON.stringify(b.get(at))];
    if (x !== y) found.push(`${JSON.stringify(at)}: ${x} / ${y}`);
  }
  return found;
}

/** Waits until both replicas are equal (times are sent in batches); returns the differences that stay. */
export async function settle(one: string, other: string, limitMs = 4000): Promise<string[]> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = differences(one, other);
    if (found.length === 0 || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
