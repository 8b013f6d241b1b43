import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const FILES_A_DIRECTORY = 1000;
const DIRECTORIES_A_FOLDER = 20;

/** Fills every SHARES-th directory of the tree: most files are empty, some hold something, a few are links. */
const FILL = `
const fs = require('node:fs');
const path = require('node:path');
const [top, ...numbers] = process.argv.slice(1);
const [files, share, shares, aDirectory, aFolder] = numbers.map(Number);
for (let directory = share; directory * aDirectory < files; directory += shares) {
  const at = path.join(top, 'folder' + Math.floor(directory / aFolder), 'directory' + directory);
  fs.mkdirSync(at, { recursive: true });
  const end = Math.min(files, (directory + 1) * aDirectory);
  for (let n = directory * aDirectory; n < end; n++) {
    const name = path.join(at, 'file-' + n);
    if (n % 100 === 99) fs.linkSync(path.join(at, 'file-' + (n - 1)), name);
    else if (n % 100 === 98) fs.writeFileSync(name, 'linked ' + n);
    else if (n % 100 === 97) fs.symlinkSync('file-' + (n - 2), name);
    else if (n % 10 === 1) fs.writeFileSync(name, ('file ' + n + '\\n').repeat(1 + (n % 50)));
    else fs.closeSync(fs.openSync(name, 'w', n % 3 === 0 ? 0o600 : 0o644));
  }
}
`;

/** Makes `files` files as programs do, several at once. */
export async function fillTree(top: string, files: number, programs = 4): Promise<void> {
  const shares = Array.from({ length: programs }, (_, share) => {
    const numbers = [files, share, programs, FILES_A_DIRECTORY, DIRECTORIES_A_FOLDER].map(String);
    const child = spawn(process.execPath, ['-e', FILL, top, ...numbers], { stdio: ['ignore', 'inherit', 'inherit'] });
    return new Promise<number | null>((resolve) => child.once('close', resolve));
  });
  const codes = await Promise.all(shares);
  if (codes.some((code) => code !== 0)) throw new Error(`filling the tree ended with ${codes.join(' ')}`);
}

/** The path of a file that {@link fillTree} has made. */
export function nameInTree(n: number): string {
  const directory = Math.floor(n / FILES_A_DIRECTORY);
  return `folder${Math.floor(directory / DIRECTORIES_A_FOLDER)}/directory${directory}/file-${n}`;
}

/** How two trees differ, the first of it. Goes through them side by side, so that a million names take no memory. */
export function treeDifferences(one: string, other: string): { entries: number; found: string[] } {
  const found: string[] = [];
  let entries = 0;
  const groups = new Map<bigint, bigint>();
  const visit = (relative: string): void => {
    if (found.length >= 20) return;
    const [a, b] = [path.join(one, relative), path.join(other, relative)];
    const [x, y] = [fs.lstatSync(a, { bigint: true }), fs.lstatSync(b, { bigint: true })];
    entries++;
    for (const key of ['mode', 'uid', 'gid', 'nlink', 'mtimeNs', 'rdev'] as const) {
      if (x[key] !== y[key]) found.push(`${relative}: ${key} ${x[key]} / ${y[key]}`);
    }
    if (x.isDirectory() && y.isDirectory()) {
      const names = fs.readdirSync(a).sort();
      const others = new Set(fs.readdirSync(b));
      const shared = names.filter((name) => others.delete(name));
      if (shared.length < names.length) found.push(`${relative}: ${names.length - shared.length} names are missing`);
      for (const name of others) found.push(`${relative}/${name}: too many`);
      for (const name of shared) visit(path.join(relative, name));
    } else if (x.isSymbolicLink()) {
      if (fs.readlinkSync(a) !== fs.readlinkSync(b)) found.push(`${relative}: target`);
    } else if (x.isFile()) {
      if (x.size !== y.size) found.push(`${relative}: size ${x.size} / ${y.size}`);
      else if (x.size > 0n && !fs.readFileSync(a).equals(fs.readFileSync(b))) found.push(`${relative}: content`);
      if (x.nlink > 1n) {
        if ((groups.get(x.ino) ?? y.ino) !== y.ino) found.push(`${relative}: other hard links`);
        groups.set(x.ino, y.ino);
      }
    }
  };
  visit('');
  return { entries, found };
}

/** Waits until both are equal: times are sent in batches. */
export async function settleTrees(one: string, other: string, limitMs: number) {
  for (const end = Date.now() + limitMs; ;) {
    const result = treeDifferences(one, other);
    if (result.found.length === 0 || Date.now() > end) return result;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
