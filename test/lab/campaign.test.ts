import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './harness/paths.ts';
import { tryRun } from './harness/run.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('the campaign of random faults', () => {
  it.each([
    [
      'the witness',
      ['--arbiter', 'witness', '--seed', '1061384'],
      ['cut off from each other on lan and link', 'kill -9 of the guest', 'power loss of the primary'],
    ],
    [
      'etcd',
      ['--arbiter', 'etcd', '--seed', '854773'],
      ['kill -9 of etcd on the host whose member leads', 'power loss of the primary'],
    ],
  ])('a short one with %s loses nothing, and ends with a table of what was tried', async (_, options, faults) => {
    const program = path.join(repositoryRoot, 'dist/test/campaign.mjs');
    const argv = [process.execPath, program, '--steps', String(faults.length), ...options];
    const { code, stdout, stderr } = await tryRun(argv, { timeoutMs: 280_000 });
    expect(stdout + stderr).toMatch(new RegExp(`^${faults.length} passed, 0 failed$`, 'm'));
    // With another kind of fault in the list a seed draws others: then one has to be found that has these.
    for (const fault of faults) expect(stdout).toContain(fault);
    expect(stdout).toMatch(/^\d+ records were reported as durable, 0 lost\.$/m);
    expect(stdout).toMatch(/^fault +tried +failed +lost +longest time to whole$/m);
    expect(code).toBe(0);
  });
});
