/**
 * A mount that is aborted where another sysfs hides the control file system that is mounted, as in a container or on a host of the lab: `unshare -m -n node
 * hiddenControlProgram.mjs DIRECTORY`. Says how the program ended that waited for the mount.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { mountFuse } from '../../agent/mirror/mount/mountFuse.ts';
import { errnoOf, errnos, mount } from '../../agent/platform/libc.ts';

try {
  mount('none', '/sys/fs/fuse/connections', 'fusectl', 0, null);
} catch (error) {
  if (errnoOf(error) !== errnos.EBUSY) throw error;
}
mount('none', '/sys', 'sysfs', 0, null);

const fuse = mountFuse(process.argv[2] ?? '', { fsName: 'understudy-test' });
const waits = spawn('ls', [fuse.directory], { stdio: 'ignore' });
const end = once(waits, 'exit');
// It waits for a server that answers nothing, not even how to begin.
while (!/^(fuse|request)_/.test(fs.readFileSync(`/proc/${String(waits.pid)}/wchan`, 'utf8'))) {
  if (waits.exitCode !== null) throw new Error(`ls ended by itself with code ${String(waits.exitCode)}`);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
fuse.abort();
const ended = await Promise.race([end, new Promise((resolve) => setTimeout(() => resolve(null), 3000).unref())]);
console.log(ended === null ? 'still waits' : 'ended');
fuse.unmount();
fuse.close();
