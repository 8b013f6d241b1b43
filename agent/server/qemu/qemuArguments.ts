import { createHash } from 'node:crypto';
import path from 'node:path';
import type { ResolvedQemu } from '../../../schemas/defaults.ts';
import type { Accelerator } from './accelerator.ts';

/** Where one module's QEMU keeps its control files. */
export interface QemuFiles {
  readonly socket: string;
  readonly pidFile: string;
  readonly errors: string;
  /** The channel to the guest agent. */
  readonly guestAgent: string;
}

export interface QemuNames {
  readonly module: string;
  readonly host: string;
  /** The mirrored directory: relative image paths start here. */
  readonly directory: string;
  readonly files: QemuFiles;
  /** Whether the guest gets a channel to an agent in it. */
  readonly hasGuestAgent: boolean;
}

export function qemuFiles(runDirectory: string): QemuFiles {
  return {
    socket: path.join(runDirectory, 'qmp.sock'),
    pidFile: path.join(runDirectory, 'qemu.pid'),
    errors: path.join(runDirectory, 'qemu.err'),
    guestAgent: path.join(runDirectory, 'qga.sock'),
  };
}

/** QEMU's option strings end a value at a comma; two commas mean one. */
export function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}

/** The argument by which a QEMU is known to run this module. */
export function nameArgument(module: string): string {
  return `guest=understudy-${module}`;
}

/** The host's end of a network card: at most 15 characters, the same for the same card, different for different modules. */
export function tapName(module: string, index: number): string {
  return `us${createHash('sha256').update(module).digest('hex').slice(0, 9)}-${index}`;
}

/** A locally administered address in the range QEMU's documentation uses, the same on both hosts. */
export function derivedMac(module: string, index: number): string {
  const digest = createHash('sha256').update(`${module}/${index}`).digest('hex');
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}

/** The files that have to exist before QEMU can start, with the key of the module file that names each. */
export function imageFiles(config: ResolvedQemu, directory: string): readonly { key: string; file: string }[] {
  const files = config.disks.map((disk, index) => ({
    key: `server.qemu.disks[${index}].file`,
    file: path.resolve(directory, disk.file),
  }));
  if (config.kernel !== null) files.push({ key: 'server.qemu.kernel', file: path.resolve(directory, config.kernel) });
  if (config.initrd !== null) files.push({ key: 'server.qemu.initrd', file: path.resolve(directory, config.initrd) });
  return files;
}

/** The argument list of QEMU. It starts stopped (-S): its network is plugged in before the guest's first instruction. */
export function qemuArguments(config: ResolvedQemu, names: QemuNames, accelerator: Accelerator): readonly string[] {
  const { module, host, directory, files, hasGuestAgent } = names;
  const argv = ['-name', nameArgument(module), '-S', '-nodefaults', '-no-user-config', '-display', 'none'];
  argv.push('-machine', config.machine, '-accel', accelerator);
  argv.push('-cpu', config.cpu ?? (accelerator === 'kvm' ? 'host' : 'qemu64'));
  argv.push('-smp', String(config.cpus), '-m', `size=${Math.round(config.memoryBytes / 1024 ** 2)}M`);
  argv.push('-chardev', `socket,id=monitor,path=${escapeComma(files.socket)},server=on,wait=off`);
  argv.push('-mon', 'chardev=monitor,mode=control', '-pidfile', files.pidFile);
  if (config.kernel !== null) argv.push('-kernel', path.resolve(directory, config.kernel));
  if (config.initrd !== null) argv.push('-initrd', path.resolve(directory, config.initrd));
  if (config.append !== null) {
    argv.push('-append', config.append.replaceAll('${host}', host).replaceAll('${module}', module));
  }
  const bootsFromDisk = config.kernel === null;
  config.disks.forEach((disk, index) => argv.push(...diskArguments(disk, index, directory, bootsFromDisk)));
  config.networks.forEach((card, index) => argv.push(...cardArguments(card, index, module)));
  if (config.serial !== null) {
    argv.push('-chardev', `file,id=serial0,path=${escapeComma(config.serial)},append=on`, '-serial', 'chardev:serial0');
  }
  // Behind everything else, so that the places of disks and cards do not change with it.
  if (hasGuestAgent) argv.push(...guestAgentArguments(files.guestAgent));
  argv.push(...config.extraArguments);
  return argv;
}

function diskArguments(
  disk: ResolvedQemu['disks'][number],
  index: number,
  directory: string,
  boot: boolean,
): readonly string[] {
  const cache = { direct: disk.cache === 'none', 'no-flush': false };
  const file = {
    driver: 'file',
    'node-name': `file${index}`,
    filename: path.resolve(directory, disk.file),
    aio: disk.aio,
    cache,
    discard: 'unmap',
  };
  const format = { driver: disk.format, 'node-name': `disk${index}`, file: `file${index}`, cache, discard: 'unmap' };
  // The disk reports errors to us and not to the guest, which would take its file system read-only for what may pass (a full disk).
  const device = ['virtio-blk-pci', `drive=disk${index}`, 'werror=stop', 'rerror=stop'];
  device.push(`write-cache=${disk.cache === 'writethrough' ? 'off' : 'on'}`);
  // With a kernel given, QEMU's own loader has the first place in the boot order.
  if (boot) device.push(`bootindex=${index}`);
  return ['-blockdev', JSON.stringify(file), '-blockdev', JSON.stringify(format), '-device', device.join(',')];
}

function cardArguments(card: ResolvedQemu['networks'][number], index: number, module: string): readonly string[] {
  // QEMU makes the tap itself, so that it vanishes with QEMU however that ends; we connect it to the bridge before the guest runs.
  const netdev = `tap,id=net${index},ifname=${tapName(module, index)},script=no,downscript=no`;
  const mac = card.mac ?? derivedMac(module, index);
  return ['-netdev', netdev, '-device', `${escapeComma(card.model)},netdev=net${index},mac=${mac}`];
}

function guestAgentArguments(socket: string): readonly string[] {
  const channel = `socket,id=guestagent,path=${escapeComma(socket)},server=on,wait=off`;
  const port = 'virtserialport,chardev=guestagent,name=org.qemu.guest_agent.0';
  return ['-chardev', channel, '-device', 'virtio-serial-pci,id=guestagentbus', '-device', port];
}
