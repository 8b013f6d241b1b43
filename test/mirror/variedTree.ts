import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fsetxattr } from '../../agent/platform/libc.ts';
import type { Described } from './pairHarness.ts';

const MIB = 1 << 20;

function setColour(file: string, colour: string): void {
  const fd = fs.openSync(file, 'r');
  fsetxattr(fd, 'user.colour', Buffer.from(colour));
  fs.closeSync(fd);
}

/** Something of everything that a replica may hold. */
export function fill(directory: string): void {
  const at = (name: string) => path.join(directory, name);
  for (const folder of ['a', 'a/deep', 'b', 'gone', 'gone/below', 'empty']) fs.mkdirSync(at(folder));
  fs.writeFileSync(at('image'), randomBytes(6 * MIB));
  fs.writeFileSync(at('shrinks'), randomBytes(MIB + 123));
  fs.writeFileSync(at('grows'), randomBytes(777));
  fs.truncateSync(at('grows'), 200_000);
  for (let index = 0; index < 40; index++) fs.writeFileSync(at(`a/file-${index}`), randomBytes(100 * index));
  fs.writeFileSync(at('gone/below/kept'), 'only here');
  fs.writeFileSync(at('gone/linked'), 'by two names');
  fs.linkSync(at('gone/linked'), at('b/linked'));
  fs.symlinkSync('../image', at('b/symbolic'));
  execFileSync('mkfifo', [at('b/pipe')]);
  setColour(at('a/file-3'), 'red');
  fs.chmodSync(at('a/file-4'), 0o4711);
  fs.chownSync(at('a/file-5'), 12, 34);
}

/** Changes something of everything. */
export function change(directory: string): void {
  const at = (name: string) => path.join(directory, name);
  const image = fs.openSync(at('image'), 'r+');
  for (let block = 0; block < 1500; block += 3) fs.writeSync(image, randomBytes(4096), 0, 4096, block * 4096);
  fs.closeSync(image);
  fs.truncateSync(at('shrinks'), 5000);
  fs.appendFileSync(at('grows'), randomBytes(300_000));
  for (let index = 0; index < 40; index += 4) fs.writeFileSync(at(`a/file-${index}`), randomBytes(2000));
  for (let index = 1; index < 40; index += 8) fs.rmSync(at(`a/file-${index}`));
  fs.renameSync(at('a/file-2'), at('b/moved'));
  fs.renameSync(at('a/file-3'), at('a/file-6'));
  fs.renameSync(at('a/deep'), at('b/deep'));
  fs.rmSync(at('gone'), { recursive: true });
  fs.rmSync(at('empty'), { recursive: true });
  fs.writeFileSync(at('empty'), 'a file now');
  fs.rmSync(at('b/symbolic'));
  fs.symlinkSync('elsewhere', at('b/symbolic'));
  fs.rmSync(at('b/pipe'));
  fs.mkdirSync(at('b/pipe'));
  fs.writeFileSync(at('b/pipe/new'), randomBytes(50_000));
  setColour(at('a/file-7'), 'blue');
  fs.chmodSync(at('a/file-4'), 0o600);
  fs.chownSync(at('a/file-5'), 0, 0);
}

/** Paths at which two descriptions of a tree differ. */
export const changed = (before: Map<string, Described>, after: Map<string, Described>) =>
  [...new Set([...before.keys(), ...after.keys()])].filter(
    (each) => JSON.stringify(before.get(each)) !== JSON.stringify(after.get(each)),
  );
