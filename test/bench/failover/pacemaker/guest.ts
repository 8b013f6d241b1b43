import { copyFile, link, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { qemuArguments } from '../../../../agent/server/qemu/qemuArguments.ts';
import { resolveModule } from '../../../../schemas/defaults.ts';
import { parseDocument } from '../../../../schemas/document.ts';
import { buildGuest } from '../../../lab/guest/build.ts';
import { makeDisk } from '../../../lab/guest/disk.ts';
import type { LabHost } from '../../../lab/harness/host.ts';
import { mirrorDirectory, webModuleFile } from '../../../lab/harness/webModule.ts';
import { guestOptions } from '../services.ts';

const quoted = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`;

/** A shell script that becomes the QEMU of the guest: the product's own command line, but plugged in and run without the product. */
function guestScript(): string {
  const { value } = parseDocument('module', webModuleFile(guestOptions), 'web.module.jsonc');
  if (value === null) throw new Error('The module file of the lab is not valid.');
  const { server } = resolveModule(value);
  if (server.kind !== 'qemu') throw new Error('The module of the lab has no virtual server.');
  const files = { socket: '', pidFile: '/run/bench-guest.pid', errors: '', guestAgent: '' };
  const names = { module: 'web', host: '', directory: mirrorDirectory, files, hasGuestAgent: false };
  const argv = qemuArguments(server, names, 'tcg').flatMap((argument) => {
    // The product plugs it in while it is stopped; here QEMU runs a script for that, before the guest's first instruction.
    if (argument === '-S') return [];
    if (argument.startsWith('socket,id=monitor,')) {
      return ['socket,id=monitor,host=127.0.0.1,port=4444,server=on,wait=off'];
    }
    return [argument.replace('script=no,', 'script=/srv/bench/plug,')];
  });
  return `#!/bin/sh\nexec ${[server.binary, ...argv].map(quoted).join(' ')}\n`;
}

/**
 * Gives both hosts the guest. Its disk is one file with a name on each: the storage that both share, which costs nothing here and is
 * always there.
 */
export async function installGuest(hosts: readonly LabHost[]): Promise<void> {
  const { kernel, initrd } = await buildGuest();
  let disk: string | null = null;
  for (const host of hosts) {
    const home = host.outside(mirrorDirectory);
    await mkdir(home, { recursive: true });
    await mkdir(host.outside('/srv/bench'), { recursive: true });
    await copyFile(kernel, path.join(home, 'vmlinuz'));
    await copyFile(initrd, path.join(home, 'initrd.gz'));
    const own = path.join(home, 'disk.raw');
    if (disk === null) await makeDisk(own);
    else await link(disk, own);
    disk = own;
    const plug = '#!/bin/sh\nip link set "$1" master br0 up\n';
    await writeFile(host.outside('/srv/bench/plug'), plug, { mode: 0o755 });
    await writeFile(host.outside('/srv/bench/guest'), guestScript(), { mode: 0o755 });
  }
}
