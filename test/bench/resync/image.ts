import fs from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lab/harness/paths.ts';
import type { LabHost } from '../../lab/harness/host.ts';
import { run } from '../../lab/harness/run.ts';

const MiB = 2 ** 20;
const imageBytes = 2048 * MiB;
const dataBytes = 1024 * MiB;
const blockBytes = 4096;
/** 1 % of the image's blocks. */
const changedBlocks = Math.floor(imageBytes / blockBytes / 100);

export const changedBytes = changedBlocks * blockBytes;

/** Writes an image whose first half is data that compresses badly; the rest are holes. */
export async function makeImage(host: LabHost, file: string): Promise<void> {
  const data = ['if=/dev/urandom', `of=${file}`, 'bs=1M', `count=${dataBytes / MiB}`, 'conv=fsync', 'status=none'];
  await host.run(['dd', ...data], { timeoutMs: 300_000 });
  await host.run(['truncate', '-s', String(imageBytes), file]);
}

/** Changes 1 % of the image's blocks, at random places among its data. */
export async function changeImage(host: LabHost, file: string): Promise<void> {
  const program = path.join(repositoryRoot, 'dist/test/changeBlocks.mjs');
  const argv = [process.execPath, program, file, String(dataBytes / blockBytes), String(changedBlocks)];
  await host.run(argv, { timeoutMs: 120_000 });
}

/** @throws when two copies differ: what was measured then was no resync */
export async function assertEqual(one: string, other: string): Promise<void> {
  if (fs.statSync(one).size !== fs.statSync(other).size) throw new Error(`${one} and ${other} differ in size`);
  await run(['cmp', one, other], { timeoutMs: 120_000 });
}
