import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './harness/paths.ts';
import { tryRun } from './harness/run.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('the campaign of random faults', () => {
  it('a short one loses nothing, and ends with a table of what was tried', async () => {
    const program = path.join(repositoryRoot, 'dist/test/campaign.mjs');
    const argv = [process.execPath, program, '--steps', '3', '--seed', '18532', '--arbiter', 'witness'];
    const { code, stdout, stderr } = await tryRun(argv, { timeoutMs: 280_000 });
    expect(stdout + stderr).toMatch(/^3 passed, 0 failed$/m);
    expect(stdout).toMatch(/^\d+ records were reported as durable, 0 lost\.$/m);
    expect(stdout).toMatch(/^fault +tried +failed +lost +longest time to whole$/m);
    expect(code).toBe(0);
  });
});
