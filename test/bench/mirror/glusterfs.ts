import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../../lab/harness/lab.ts';
import type { System } from './system.ts';

const volume = 'bench';
const brick = '/srv/brick';
const directory = '/srv/glusterfs';

/** GlusterFS replica 3 arbiter 1 as Debian has it: data on alpha and beta, the arbiter on gamma, mounted on alpha. */
export async function glusterfs(lab: Lab): Promise<System> {
  const alpha = lab.host('alpha');
  for (const host of lab.hosts) {
    await host.run(['mkdir', '-p', brick, '/var/lib/glusterd', '/var/log/glusterfs', '/run/gluster']);
    // Debian's hosts have it, those of the lab do not.
    await host.run(['ln', '-sfn', '/run', '/var/run']);
    const started = await host.exec(['glusterd', '-p', '/run/glusterd.pid']);
    if (started.code !== 0) {
      const { stdout } = await host.exec(['tail', '-n', '15', '/var/log/glusterfs/glusterd.log']);
      throw new Error(`GlusterFS did not start on ${host.name}:\n${stdout}`);
    }
  }
  const command = (...args: string[]) => alpha.run(['gluster', '--mode=script', ...args], { timeoutMs: 60_000 });
  for (const peer of ['beta', 'gamma']) await command('peer', 'probe', peer);
  await untilConnected(() => command('peer', 'status'));
  const bricks = lab.hosts.map((host) => `${host.name}:${brick}/${volume}`);
  await command('volume', 'create', volume, 'replica', '3', 'arbiter', '1', ...bricks, 'force');
  // Direct I/O reaches the bricks' disks, as it does with the others.
  await command('volume', 'set', volume, 'performance.strict-o-direct', 'on');
  await command('volume', 'set', volume, 'network.remote-dio', 'disable');
  await command('volume', 'start', volume);
  await alpha.run(['mkdir', '-p', directory]);
  await alpha.run(['mount', '-t', 'glusterfs', `alpha:/${volume}`, directory]);
  return {
    name: 'glusterfs',
    directory,
    stores: [alpha, lab.host('beta')].map((host) => `${host.outside(brick)}/${volume}`),
    stop: async () => {
      await alpha.run(['umount', directory]);
    },
  };
}

async function untilConnected(status: () => Promise<string>): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    const said = await status();
    if (said.match(/\(Connected\)/g)?.length === 2) return;
    if (Date.now() > end) throw new Error(`The GlusterFS peers do not see each other:\n${said}`);
    await delay(100);
  }
}
