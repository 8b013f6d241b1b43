import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApplyHosts, webFile as web, type HostName } from '../support/applyHosts.ts';

let bench: ApplyHosts;
beforeEach(async () => {
  bench = await ApplyHosts.start();
});
afterEach(() => {
  vi.useRealTimers();
  bench.close();
});

const host = (name: HostName) => bench.host(name);

describe('what is applied to a module', () => {
  it('does not touch the directories that it has already: they may stand still', async () => {
    rmSync(join(bench.folder, 'srv'), { recursive: true });
    expect(await bench.applyWeb('alpha', bench.webText('5s'))).toMatchObject({ applied: true });
    bench.isStopped = true;
    const directories = [join(bench.folder, 'srv'), join(bench.folder, 'more')];
    const more = bench.webText('5s', { mirror: { directories } });
    const { problems } = await bench.applyWeb('alpha', more);
    expect(problems.filter(({ host: on }) => on === 'alpha')).toMatchObject([
      { file: web, column: more.indexOf(JSON.stringify(directories[1])) + 1, message: /more does not exist on alpha/ },
    ]);
  });
});
