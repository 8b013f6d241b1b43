import { describe, expect, it } from 'vitest';
import type { LabHost } from './harness/host.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  // The guest keeps using new blocks of its sparse image.
  const { cluster } = useLabCluster({ ring: 40, beforeAgents: useSmallDisks });

  it('the disk of the secondary full: the guest never notices, and the pair becomes whole when there is room again', async () => {
    const before = cluster().host('alpha').guests();
    await fill(cluster().host('beta'));
    const isAlone = (): boolean => cluster().view.module('alpha', 'web')?.inSync.join() === 'alpha';
    await cluster().view.waitFor('the secondary is out of the in-sync set', isAlone);
    const saysWhy = (): boolean => /no space left/.test(cluster().view.replica('alpha', 'web')?.reason ?? '');
    await cluster().view.waitFor('the reason is shown', saysWhy);
    await cluster().waitForRecords('alpha', 20);
    expect(cluster().host('alpha').guests()).toEqual(before);
    await makeRoom(cluster().host('beta'));
    await cluster().waitUntilHealthy('alpha');
  });

  it('the disk of the primary full: the guest waits, and goes on when there is room again', async () => {
    const before = cluster().host('alpha').guests();
    // How much of a write still fits differs each time.
    for (let round = 0; round < 3; round += 1) {
      await fill(cluster().host('alpha'));
      const isPaused = (): boolean => cluster().view.replica('alpha', 'web')?.server.state === 'paused';
      try {
        await cluster().view.waitFor('the guest stands still', isPaused);
        expect(cluster().view.replica('alpha', 'web')?.server.detail).toMatch(/space/i);
      } finally {
        await makeRoom(cluster().host('alpha'));
      }
      await cluster().waitForRecords('alpha', 20);
    }
    expect(cluster().host('alpha').guests()).toEqual(before);
  });
});

/** A file system of 112 MiB of its own for the virtual server, on each host of the pair. */
async function useSmallDisks(host: LabHost): Promise<void> {
  await host.run(['truncate', '-s', '112M', '/var/small.img']);
  await host.run(['mkfs.ext4', '-q', '-F', '-m', '0', '/var/small.img']);
  await host.run(['mkdir', '-p', '/var/fresh']);
  await host.run(['mount', '-o', 'loop', '/var/small.img', '/var/fresh']);
  await host.run(['cp', '-a', '--sparse=always', '/srv/vm/.', '/var/fresh/']);
  await host.run(['umount', '/var/fresh']);
  await host.run(['mount', '-o', 'loop', '/var/small.img', '/srv/vm']);
}

/** Uses up all room beside the mirrored directory. */
async function fill(host: LabHost): Promise<void> {
  const result = await host.exec(['dd', 'if=/dev/zero', 'of=/srv/vm/filler', 'bs=64k']);
  expect(result.stderr).toContain('No space left');
}

async function makeRoom(host: LabHost): Promise<void> {
  await host.run(['rm', '/srv/vm/filler']);
}
