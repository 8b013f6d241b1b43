import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { compareTrees } from '../lab/guest/compareTrees.ts';
import { run } from '../lab/harness/run.ts';
import { debianPackage } from './debianPackage.ts';
import type { MirroredPair } from './mirroredPair.ts';

/** Unpacks a package as an archive; what lies in the mirror is what lies in a plain directory. */
export async function unpackAsArchive(mirrored: MirroredPair, name: string): Promise<void> {
  const file = await debianPackage(name);
  const plain = path.join(mirrored.plain, name);
  await run(['dpkg-deb', '-x', file, plain], { timeoutMs: 300_000 });
  await mirrored.run(['dpkg-deb', '-x', file, name]);
  expect(await compareTrees(plain, mirrored.at(name))).toEqual([]);
}

/**
 * Installs a package that brings no scripts into a system of its own, unpacks it again over itself as an upgrade does, verifies it, and
 * removes another one.
 */
export async function installPackages(mirrored: MirroredPair, stays: string, goes: string): Promise<void> {
  const root = mirrored.at(`system-${stays}`);
  fs.mkdirSync(path.join(root, 'var/lib/dpkg/updates'), { recursive: true });
  fs.mkdirSync(path.join(root, 'var/lib/dpkg/info'));
  for (const name of ['status', 'available']) fs.writeFileSync(path.join(root, 'var/lib/dpkg', name), '');
  // Images of containers tell dpkg not to wait for the disk.
  const options = [`--root=${root}`, '--log=/dev/null', '--force-depends', '--no-force-unsafe-io'];
  const dpkg = (...args: string[]) => mirrored.run(['dpkg', ...options, ...args], { timeoutMs: 600_000 });
  const [one, other] = [await debianPackage(stays), await debianPackage(goes)];
  await dpkg('--unpack', one, other);
  await dpkg('--unpack', one);
  await dpkg('--configure', '--pending');
  expect(await dpkg('--verify', stays, goes)).toBe('');
  await dpkg('--purge', goes);
  expect(await dpkg('--verify', stays)).toBe('');
  expect(await dpkg('--audit')).toBe('');
  // Nothing is left of the names that dpkg unpacks under before it renames.
  expect(await mirrored.run(['find', root, '-name', '*.dpkg-*'])).toBe('');
}
