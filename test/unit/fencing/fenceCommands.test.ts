import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostFencing } from '../../../agent/fencing/hostFencing.ts';
import { EventLog } from '../../../agent/runtime/eventLog.ts';
import { FenceCommands } from '../../../agent/runtime/fenceCommands.ts';

const by = { name: 'operator', role: 'admin', from: '10.0.0.9:1' } as const;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'understudy-fence-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** On beta; alpha has a device, gamma has none. */
function commands(fenced: string[], failure: string | null = null, told: string[] = []): FenceCommands {
  const act = (what: string) => (host: string, again?: boolean) => {
    fenced.push(`${what} ${host}${again ? ' again' : ''}`);
    return failure === null ? Promise.resolve('reboot by fence_ipmilan') : Promise.reject(new Error(failure));
  };
  const fencing: Pick<HostFencing, 'fence' | 'test' | 'canFence'> = {
    fence: act('fence'),
    test: act('test'),
    canFence: (host) => host !== 'gamma',
  };
  const log = new EventLog(path.join(folder, 'log.jsonl'), 'beta', 'info');
  log.onEntries((entries) => told.push(...entries.map(({ code, message }) => `${code} ${message}`)));
  return new FenceCommands('beta', () => ['alpha', 'beta', 'gamma'], fencing, log);
}

describe('an operator who fences a host', () => {
  it('has it done, also when it was fenced before, and hears how', async () => {
    const fenced: string[] = [];
    const outcome = await commands(fenced).fence('alpha', 'alpha', by);
    expect(outcome).toMatchObject({ ok: true, result: { message: 'alpha is fenced: reboot by fence_ipmilan' } });
    expect(fenced).toEqual(['fence alpha again']);
  });

  it('is refused with what to do, and nothing is done', async () => {
    const fenced: string[] = [];
    const refusal = async (host: string, confirm: string): Promise<unknown> => {
      const outcome = await commands(fenced).fence(host, confirm, by);
      return outcome.ok ? null : `${outcome.refusal.code} ${outcome.refusal.reason}`;
    };
    expect(await refusal('alpha', 'alhpa')).toContain('CONFIRMATION fencing alpha resets it, whatever runs there');
    expect(await refusal('beta', 'beta')).toContain('beta does not fence itself: ask the agent of another host');
    expect(await refusal('delta', 'delta')).toContain('UNKNOWN_HOST there is no host delta');
    expect(await refusal('gamma', 'gamma')).toContain('does not say how gamma is fenced: add it under "fence"');
    expect(fenced).toEqual([]);
  });

  it('is in the log also when it was refused, with who asked', async () => {
    const told: string[] = [];
    await commands([], null, told).fence('alpha', 'alhpa', by);
    await commands([], null, told).fence('gamma', 'gamma', by);
    expect(told).toEqual([
      'COMMAND fencing of alpha, asked by operator (admin) from 10.0.0.9:1',
      'COMMAND_REFUSED fencing of alpha: fencing alpha resets it, whatever runs there: confirm it with its name',
      'COMMAND fencing of gamma, asked by operator (admin) from 10.0.0.9:1',
      expect.stringMatching(/^COMMAND_REFUSED fencing of gamma: the cluster file does not say/),
    ]);
  });

  it('hears why it has failed', async () => {
    const outcome = await commands([], 'fence_ipmilan: monitor failed, exit code 1').test('alpha', by);
    expect(outcome).toMatchObject({
      ok: false,
      refusal: { code: 'FAILED', reason: 'fence_ipmilan: monitor failed, exit code 1' },
    });
  });
});
