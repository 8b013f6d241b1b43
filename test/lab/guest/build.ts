import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../harness/run.ts';
import { repositoryRoot } from '../harness/paths.ts';
import { cpioArchive, type CpioEntry } from './cpio.ts';

/** A bootable guest: Debian's cloud kernel and a tiny initramfs that writes numbered records to /dev/vda. */
export interface GuestImages {
  readonly kernel: string;
  readonly initrd: string;
}

/** The order matters: each needs symbols of those before it, and the package brings no modules.dep. */
const modules = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'drivers/block/virtio_blk',
  'net/core/failover',
  'drivers/net/net_failover',
  'drivers/net/virtio_net',
  'drivers/acpi/button',
  'drivers/input/evdev',
];

async function kernelPackage(): Promise<{ name: string; version: string }> {
  const depends = await run(['apt-cache', 'depends', 'linux-image-cloud-amd64']).catch(() => '');
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) {
    throw new Error(
      'apt knows no package linux-image-cloud-amd64, which the guest is made of: run apt-get update on a Debian machine (amd64).',
    );
  }
  const version =
    /^Version: (.*)$/m.exec(await run(['apt-cache', 'show', '--no-all-versions', name]))?.[1] ?? 'unknown';
  return { name, version };
}

async function packageVersion(name: string): Promise<string> {
  return /^Version: (.*)$/m.exec(await run(['apt-cache', 'show', '--no-all-versions', name]))?.[1] ?? 'unknown';
}

async function unpack(directory: string, name: string): Promise<string> {
  const into = path.join(directory, `${name}.d`);
  await mkdir(into);
  await run(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: into, timeoutMs: 300_000 });
  const file = (await readdir(into)).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get download ${name} left no .deb file in ${into}.`);
  await run(['dpkg-deb', '-x', path.join(into, file), path.join(into, 'root')]);
  return path.join(into, 'root');
}

async function initramfs(kernelRoot: string, release: string, busyboxRoot: string, init: Buffer): Promise<Buffer> {
  const directories = ['bin', 'dev', 'proc', 'sys', 'data', 'mod', 'www', 'www/cgi-bin', 'etc', 'tmp'];
  const entries: CpioEntry[] = directories.map((name) => ({ path: name, kind: 'directory', mode: 0o755 }));
  const busybox = await readFile(path.join(busyboxRoot, 'bin/busybox'));
  entries.push({ path: 'bin/busybox', kind: 'file', mode: 0o755, data: busybox });
  for (const name of modules) {
    const data = await readFile(path.join(kernelRoot, 'lib/modules', release, 'kernel', `${name}.ko`));
    entries.push({ path: `mod/${path.basename(name)}.ko`, kind: 'file', mode: 0o644, data });
  }
  entries.push({ path: 'init', kind: 'file', mode: 0o755, data: init });
  return gzipSync(cpioArchive(entries), { level: 6 });
}

/** Builds the guest, or returns the one built before from the same packages and init script (`.cache/guest/KEY`). */
export async function buildGuest(): Promise<GuestImages> {
  const init = await readFile(path.join(repositoryRoot, 'test/lab/guest/init'));
  const kernel = await kernelPackage();
  const versions = `${kernel.name} ${kernel.version} busybox-static ${await packageVersion('busybox-static')} ${modules.join(' ')}`;
  const key = createHash('sha256').update(versions).update(init).digest('hex').slice(0, 16);
  const cache = path.join(repositoryRoot, '.cache/guest');
  const home = path.join(cache, key);
  const images = { kernel: path.join(home, 'vmlinuz'), initrd: path.join(home, 'initrd.gz') };
  await mkdir(cache, { recursive: true });
  if ((await readdir(cache)).includes(key)) return images;

  const work = await mkdtemp(path.join(cache, 'build-'));
  try {
    const kernelRoot = await unpack(work, kernel.name);
    const busyboxRoot = await unpack(work, 'busybox-static');
    const release = (await readdir(path.join(kernelRoot, 'lib/modules')))[0];
    if (release === undefined) throw new Error(`The package ${kernel.name} holds no kernel modules.`);
    const out = path.join(work, 'out');
    await mkdir(out);
    await writeFile(path.join(out, 'vmlinuz'), await readFile(path.join(kernelRoot, `boot/vmlinuz-${release}`)));
    await writeFile(path.join(out, 'initrd.gz'), await initramfs(kernelRoot, release, busyboxRoot, init));
    await writeFile(path.join(out, 'versions.txt'), `${versions}\n`);
    await rename(out, home).catch((error: NodeJS.ErrnoException) => {
      // Another run was faster with the same result.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return images;
}
