import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildGuest } from '../lab/guest/build.ts';
import { makeDisk } from '../lab/guest/disk.ts';
import { checkRecords } from '../lab/guest/records.ts';
import { readSerial } from '../lab/guest/serialLog.ts';
import { run } from '../lab/harness/run.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

describe.skipIf(noMirror !== null)('a guest of QEMU', () => {
  const pair = useMirroredPair();
  const image = () => pair().at('disk.qcow2');
  const serial = () => path.join(pair().plain, 'serial.log');
  const records = async () => (await readSerial(serial())).acknowledged.length;

  /** Boots the guest from the image; it writes numbered records until it is ended. */
  const boot = async (aio: string) => {
    const { kernel, initrd } = await buildGuest();
    const cache = { direct: true, 'no-flush': false };
    const file = { driver: 'file', 'node-name': 'file0', filename: image(), aio, cache, discard: 'unmap' };
    const disk = { driver: 'qcow2', 'node-name': 'disk0', file: 'file0', cache, discard: 'unmap' };
    const argv = [
      '-nodefaults',
      '-no-user-config',
      '-display',
      'none',
      '-machine',
      'q35',
      '-accel',
      'tcg',
      '-m',
      '128M',
    ];
    argv.push(
      '-kernel',
      kernel,
      '-initrd',
      initrd,
      '-append',
      'console=ttyS0 quiet panic=-1 noreplace-smp us.period=0 us.ring=4',
    );
    argv.push('-blockdev', JSON.stringify(file), '-blockdev', JSON.stringify(disk));
    argv.push('-device', 'virtio-blk-pci,drive=disk0', '-monitor', 'stdio');
    argv.push('-chardev', `file,id=serial0,path=${serial()},append=on`, '-serial', 'chardev:serial0');
    const qemu = spawn('qemu-system-x86_64', argv, { stdio: ['pipe', 'ignore', 'inherit'] });
    return { qemu, ended: once(qemu, 'exit') };
  };

  it('writes to a qcow2 disk, is killed, boots again, and goes down in order', async () => {
    const raw = path.join(pair().plain, 'disk.raw');
    await makeDisk(raw);
    await run(['qemu-img', 'convert', '-q', '-f', 'raw', '-O', 'qcow2', raw, image()]);
    fs.writeFileSync(serial(), '');
    const first = await boot('io_uring');
    try {
      await expect.poll(records, { timeout: 120_000 }).toBeGreaterThan(60);
    } finally {
      first.qemu.kill('SIGKILL');
      await first.ended;
    }
    const before = await records();
    const second = await boot('native');
    try {
      await expect.poll(records, { timeout: 120_000 }).toBeGreaterThan(before + 60);
      second.qemu.stdin.write('system_powerdown\n');
      expect(await second.ended).toEqual([0, null]);
    } finally {
      second.qemu.kill('SIGKILL');
    }
    await run(['qemu-img', 'check', '-q', image()]);
  });

  it('left both replicas equal, with every record that it reported', async () => {
    await pair().expectEqualReplicas();
    const copy = path.join(pair().plain, 'copy.raw');
    await run(['qemu-img', 'convert', '-q', '-O', 'raw', path.join(pair().pair.beta.directory, 'disk.qcow2'), copy]);
    const verdict = await checkRecords(copy, [serial()]);
    expect(verdict).toMatchObject({ lost: [], firstOutOfOrder: null });
    expect(verdict.acknowledged).toBeGreaterThan(120);
  });
});
