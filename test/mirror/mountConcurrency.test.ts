import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { TestMount } from './mountHarness.ts';
import { Random } from './mountOperations.ts';
import { replay, snapshot } from './mountReplay.ts';

const run = promisify(execFile);
let mount: TestMount | undefined;

afterEach(async () => {
  await mount?.close();
  mount = undefined;
});

/** Replays what the mount told onto an empty directory and compares, times apart. */
function compareWithReplay(finished: TestMount): void {
  const replica = path.join(finished.base, 'replica');
  fs.mkdirSync(replica);
  const root = libc.openat(libc.AT_FDCWD, replica, libc.O_PATH | libc.O_DIRECTORY);
  for (const mutation of finished.mutations()) replay(root, mutation as Parameters<typeof replay>[1]);
  libc.close(root);
  const withoutTimes = (directory: string): unknown =>
    [...snapshot(directory)].map(([name, file]) => [name, { ...file, mtime: 0 }]);
  expect(withoutTimes(replica)).toEqual(withoutTimes(finished.directory));
}

it('replicates changes that compete with one another in the order in which they were made', async () => {
  mount = await TestMount.start();
  const { directory } = mount;
  const seed = Number(process.env['MOUNT_SEED'] ?? Date.now() % 1_000_000_000);
  console.log(`MOUNT_SEED=${seed}`);
  const names = ['a', 'b', 'c', 'd/a', 'd/b', 'e'].map((name) => path.join(directory, name));
  fs.mkdirSync(path.join(directory, 'd'));
  const competitor = async (random: Random): Promise<void> => {
    for (let step = 0; step < 150; step++) {
      const name = random.pick(names);
      const data = random.bytes(1 + random.below(20_000));
      const offset = random.below(40_000);
      try {
        switch (random.below(7)) {
          case 0:
            await fs.promises.rename(name, random.pick(names));
            break;
          case 1:
            await fs.promises.unlink(name);
            break;
          case 2:
            await fs.promises.link(name, random.pick(names));
            break;
          case 3:
            await fs.promises.truncate(name, offset);
            break;
          case 4:
            await fs.promises.appendFile(name, data);
            break;
          default: {
            const file = await fs.promises.open(name, fs.constants.O_RDWR | fs.constants.O_CREAT);
            await file.write(data, 0, data.length, offset).finally(() => file.close());
          }
        }
      } catch (error) {
        // Others take names away at any time.
        if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, index) => competitor(new Random(seed + index))));
  await mount.unmount();
  compareWithReplay(mount);
}, 60_000);

it('goes on when a caller is killed while its request is under way', async () => {
  mount = await TestMount.start({ deferMs: 30 });
  for (let attempt = 0; attempt < 5; attempt++) {
    const script = `while :; do echo x > f; mv f g; cat g; rm g; done`;
    const victim = spawn('sh', ['-c', script], { cwd: mount.directory, stdio: 'ignore', detached: true });
    const before = mount.mutations().length;
    const { logFile } = mount;
    const lines = (): number => fs.readFileSync(logFile, 'utf8').split('\n').length - 1;
    await expect.poll(lines, { interval: 5 }).toBeGreaterThan(before + attempt);
    process.kill(-(victim.pid ?? 0), 'SIGKILL');
    await new Promise((resolve) => victim.once('exit', resolve));
  }
  await fs.promises.writeFile(mount.path('after'), 'fine');
  expect(await fs.promises.readFile(mount.path('after'), 'utf8')).toBe('fine');
  expect(mount.logged).toEqual([]);
  await mount.unmount();
  compareWithReplay(mount);
});

it('carries sockets, pipes and locks', async () => {
  mount = await TestMount.start();
  const server = net.createServer((socket) => socket.end('hello'));
  await new Promise<void>((resolve) => server.listen(mount?.path('socket'), resolve));
  const answer = await new Promise<string>((resolve) => {
    net.connect(mount?.path('socket') ?? '').on('data', (data: Buffer) => resolve(data.toString()));
  });
  expect(answer).toBe('hello');
  await new Promise((resolve) => server.close(resolve));
  const script = `mkfifo p; (echo through > p) & cat p; flock l sh -c 'flock -n l echo twice || echo locked'`;
  expect((await run('sh', ['-c', script], { cwd: mount.directory })).stdout).toBe('through\nlocked\n');
});
