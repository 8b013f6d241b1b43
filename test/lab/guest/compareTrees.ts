import type { BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { tryRun } from '../harness/run.ts';

export interface CompareOptions {
  /** Names that are not replicated: a predicate on the path relative to the root. */
  readonly ignore?: (relative: string) => boolean;
}

/**
 * Compares two trees byte for byte and attribute for attribute: names, types, contents, sizes, modes, owners, link counts and hard-link
 * groups, link targets, device numbers, modification times in nanoseconds, extended attributes. Returns one line per difference, at most 50.
 */
export async function compareTrees(
  left: string,
  right: string,
  options: CompareOptions = {},
): Promise<readonly string[]> {
  const ignore = options.ignore ?? ((): boolean => false);
  const [one, other] = await Promise.all([listTree(left, ignore), listTree(right, ignore)]);
  const differences: string[] = [];
  for (const name of [...new Set([...one.keys(), ...other.keys()])].sort()) {
    if (differences.length >= 50) break;
    const a = one.get(name);
    const b = other.get(name);
    if (a === undefined || b === undefined) {
      differences.push(`${name === '' ? '.' : name}: only in ${a === undefined ? right : left}`);
    } else {
      const found = await compareEntry(name, a, b, left, right);
      differences.push(...found.map((text) => `${name === '' ? '.' : name}: ${text}`));
    }
  }
  differences.push(...compareHardLinks(one, other));
  differences.push(
    ...(await compareAttributes(
      left,
      right,
      [...one.keys()].filter((name) => other.has(name)),
    )),
  );
  return differences.slice(0, 50);
}

/** By the path below the root. Names are bytes, one character each: not all of them are UTF-8. */
type Tree = ReadonlyMap<string, BigIntStats>;

function fileOf(root: string, relative: string): Buffer {
  return Buffer.concat([Buffer.from(path.join(root, '/')), Buffer.from(relative, 'latin1')]);
}

async function listTree(root: string, ignore: (relative: string) => boolean): Promise<Tree> {
  const found = new Map<string, BigIntStats>();
  const visit = async (relative: string): Promise<void> => {
    const status = await lstat(fileOf(root, relative), { bigint: true });
    found.set(relative, status);
    if (!status.isDirectory()) return;
    for (const name of (await readdir(fileOf(root, relative), 'latin1')).sort()) {
      const child = path.join(relative, name);
      if (!ignore(child)) await visit(child);
    }
  };
  await visit('');
  return found;
}

const attributes = ['mode', 'uid', 'gid', 'nlink', 'mtimeNs', 'rdev', 'size'] as const;

async function compareEntry(
  name: string,
  a: BigIntStats,
  b: BigIntStats,
  left: string,
  right: string,
): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const attribute of attributes) {
    // The size of a directory is the file system's own business.
    if (attribute === 'size' && a.isDirectory()) continue;
    if (a[attribute] !== b[attribute]) {
      differences.push(`${attribute} ${show(attribute, a)} against ${show(attribute, b)}`);
    }
  }
  if (a.isSymbolicLink() && b.isSymbolicLink()) {
    const [one, other] = await Promise.all([
      readlink(fileOf(left, name), 'latin1'),
      readlink(fileOf(right, name), 'latin1'),
    ]);
    if (one !== other) differences.push(`points to ${one} against ${other}`);
  }
  if (a.isFile() && b.isFile() && a.size === b.size) {
    const changed = await changedBytes(fileOf(left, name), fileOf(right, name));
    if (changed > 0) differences.push(`${changed} bytes of blocks with other content`);
  }
  return differences;
}

function show(attribute: (typeof attributes)[number], status: BigIntStats): string {
  return attribute === 'mode' ? status.mode.toString(8) : String(status[attribute]);
}

/** Names that are one file on one side have to be one file on the other. */
function compareHardLinks(one: Tree, other: Tree): readonly string[] {
  const groups = (tree: Tree): ReadonlyMap<string, string> => {
    const first = new Map<bigint, string>();
    const result = new Map<string, string>();
    for (const [name, status] of tree) {
      if (!status.isFile() || status.nlink < 2n) continue;
      if (!first.has(status.ino)) first.set(status.ino, name);
      result.set(name, first.get(status.ino) ?? name);
    }
    return result;
  };
  const a = groups(one);
  const b = groups(other);
  return [...a]
    .filter(([name, group]) => b.has(name) && b.get(name) !== group)
    .map(([name]) => `${name}: other hard links`);
}

async function compareAttributes(left: string, right: string, names: readonly string[]): Promise<readonly string[]> {
  const dump = async (root: string): Promise<readonly string[]> => {
    // getfattr prints nothing for files without attributes, so most trees cost one call.
    const argv = ['getfattr', '-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'];
    const result = await tryRun(argv, { cwd: root }).catch(() => null);
    if (result === null) throw new Error('Comparing extended attributes needs getfattr (Debian package attr).');
    return result.stdout
      .split('\n\n')
      .map((block) => block.trim())
      .filter((block) => block !== '')
      .sort();
  };
  if (names.length === 0) return [];
  const [one, other] = await Promise.all([dump(left), dump(right)]);
  if (one.join('\n') === other.join('\n')) return [];
  return [`extended attributes differ:\n${one.join('\n')}\nagainst\n${other.join('\n')}`];
}

const blockSize = 4096;

/** Bytes of the 4 KiB blocks in which two files differ; where one is longer, all of the rest counts. */
export async function changedBytes(left: string | Buffer, right: string | Buffer): Promise<number> {
  const [a, b] = await Promise.all([open(left, 'r'), open(right, 'r')]);
  try {
    const sizes = await Promise.all([a.stat(), b.stat()]);
    const length = Math.min(4 * 1024 * 1024, Math.max(blockSize, ...sizes.map(({ size }) => size)));
    const one = Buffer.alloc(length);
    const other = Buffer.alloc(length);
    let changed = 0;
    for (let offset = 0; ; offset += length) {
      const [read, readOther] = await Promise.all([fill(a, one, offset), fill(b, other, offset)]);
      if (read === 0 && readOther === 0) return changed;
      const end = Math.max(read, readOther);
      if (read === readOther && one.equals(other)) continue;
      for (let at = 0; at < end; at += blockSize) {
        const here = one.subarray(at, Math.min(at + blockSize, read));
        const there = other.subarray(at, Math.min(at + blockSize, readOther));
        if (!here.equals(there)) changed += blockSize;
      }
    }
  } finally {
    await a.close();
    await b.close();
  }
}

async function fill(file: Awaited<ReturnType<typeof open>>, buffer: Buffer, offset: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  buffer.fill(0, filled);
  return filled;
}
