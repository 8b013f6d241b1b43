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

/** What every guest needs. The order matters: each needs symbols of those before it, and the package brings no modules.dep. */
const busModules = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
];

interface GuestPlan {
  /** The init script, beside this file. */
  readonly init: string;
  /** Kernel modules, in the order in which they are loaded. */
  readonly modules: readonly string[];
  /** Folders beside the usual ones. */
  readonly folders: readonly string[];
  /** What it has of Debian packages beside the kernel and busybox. */
  readonly files: readonly { readonly from: string; readonly file: string; readonly to: string }[];
}

const recordsModules = [
  ...busModules,
  'drivers/block/virtio_blk',
  'net/core/failover',
  'drivers/net/net_failover',
  'drivers/net/virtio_net',
  'drivers/acpi/button',
  'drivers/input/evdev',
];

/** Writes numbered records to its disk. */
const records: GuestPlan = { init: 'init', modules: recordsModules, folders: ['www', 'www/cgi-bin'], files: [] };

const library = (from: string, name: string): GuestPlan['files'][number] => {
  return { from, file: `lib/x86_64-linux-gnu/${name}`, to: `${name.startsWith('ld-') ? 'lib64' : 'lib'}/${name}` };
};
/** Runs the QEMU guest agent. */
const withAgent: GuestPlan = {
  init: 'agent-init',
  modules: [...busModules, 'drivers/char/virtio_console'],
  folders: ['lib', 'lib64'],
  files: [
    { from: 'qemu-guest-agent', file: 'usr/sbin/qemu-ga', to: 'bin/qemu-ga' },
    library('libc6', 'ld-linux-x86-64.so.2'),
    library('libc6', 'libc.so.6'),
    library('libc6', 'libm.so.6'),
    library('libglib2.0-0', 'libglib-2.0.so.0'),
    library('libglib2.0-0', 'libgmodule-2.0.so.0'),
    library('libpcre2-8-0', 'libpcre2-8.so.0'),
    library('libudev1', 'libudev.so.1'),
    library('libnuma1', 'libnuma.so.1'),
    library('liburing2', 'liburing.so.2'),
  ],
};

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

interface Unpacked {
  readonly kernel: string;
  readonly release: string;
  readonly busybox: string;
  /** By package. */
  readonly others: ReadonlyMap<string, string>;
}

async function initramfs(plan: GuestPlan, from: Unpacked, init: Buffer): Promise<Buffer> {
  const directories = ['bin', 'dev', 'proc', 'sys', 'data', 'mod', 'etc', 'tmp', ...plan.folders];
  const entries: CpioEntry[] = directories.map((name) => ({ path: name, kind: 'directory', mode: 0o755 }));
  const busybox = await readFile(path.join(from.busybox, 'bin/busybox'));
  entries.push({ path: 'bin/busybox', kind: 'file', mode: 0o755, data: busybox });
  for (const name of plan.modules) {
    const data = await readFile(path.join(from.kernel, 'lib/modules', from.release, 'kernel', `${name}.ko`));
    entries.push({ path: `mod/${path.basename(name)}.ko`, kind: 'file', mode: 0o644, data });
  }
  for (const { from: name, file, to } of plan.files) {
    const root = from.others.get(name) ?? '';
    // A package has it in /lib or in /usr/lib, which are the same on a system.
    const data = await readFile(path.join(root, file)).catch(() => readFile(path.join(root, 'usr', file)));
    entries.push({ path: to, kind: 'file', mode: 0o755, data });
  }
  entries.push({ path: 'init', kind: 'file', mode: 0o755, data: init });
  return gzipSync(cpioArchive(entries), { level: 6 });
}

/** The guest of the lab. */
export function buildGuest(): Promise<GuestImages> {
  return build(records);
}

/** A guest that does nothing but run the QEMU guest agent. */
export function buildAgentGuest(): Promise<GuestImages> {
  return build(withAgent);
}

/** Builds a guest, or returns the one built before from the same packages and init script (`.cache/guest/KEY`). */
async function build(plan: GuestPlan): Promise<GuestImages> {
  const init = await readFile(path.join(repositoryRoot, 'test/lab/guest', plan.init));
  const kernel = await kernelPackage();
  const packages = ['busybox-static', ...new Set(plan.files.map(({ from }) => from))];
  const of = await Promise.all(packages.map(async (name) => `${name} ${await packageVersion(name)}`));
  const versions = `${kernel.name} ${kernel.version} ${of.join(' ')} ${plan.modules.join(' ')}`;
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
    const others = new Map<string, string>();
    for (const name of packages.slice(1)) others.set(name, await unpack(work, name));
    const release = (await readdir(path.join(kernelRoot, 'lib/modules')))[0];
    if (release === undefined) throw new Error(`The package ${kernel.name} holds no kernel modules.`);
    const out = path.join(work, 'out');
    await mkdir(out);
    await writeFile(path.join(out, 'vmlinuz'), await readFile(path.join(kernelRoot, `boot/vmlinuz-${release}`)));
    await writeFile(
      path.join(out, 'initrd.gz'),
      await initramfs(plan, { kernel: kernelRoot, release, busybox: busyboxRoot, others }, init),
    );
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
