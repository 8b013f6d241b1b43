import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProposeResult } from '../../agent/arbiter/arbiter.ts';
import type { ArbiterRecord } from '../../agent/core/types.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { arbiterRecord } from '../support/arbiterRecord.ts';
import { openModule } from '../support/openedModule.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-close-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A module that the arbiter would let this host start, and what the arbiter was asked for. */
async function askingModule() {
  const proposed: ArbiterRecord[] = [];
  let answer: (record: ArbiterRecord) => void = () => undefined;
  const answered = new Promise<ArbiterRecord>((resolve) => (answer = resolve));
  const arbiter = {
    reachable: () => true,
    read: () => answered,
    propose: (_module: string, _expect: number | null, record: ArbiterRecord): Promise<ProposeResult> => {
      proposed.push(record);
      return new Promise(() => undefined);
    },
  };
  const log = new EventLog(join(folder, 'events.log'), 'alpha', 'error');
  const lineage = [{ epoch: 1, primary: 'alpha' }];
  const module = await openModule(join(folder, 'state'), log, arbiter, lineage);
  // The first turn of the core asks the arbiter.
  module.peerHeard(null);
  return { module, proposed, answer: () => answer(arbiterRecord(1, 'alpha', 'a/1')), answered };
}

describe('a module that is closed while the arbiter is asked', () => {
  it('would start by the answer', async () => {
    const { module, proposed, answer, answered } = await askingModule();
    answer();
    await answered;
    expect(proposed).toMatchObject([{ epoch: 2, primary: 'alpha' }]);
    await module.close();
  });

  it('does nothing by it, and answers commands at once', async () => {
    const { module, proposed, answer, answered } = await askingModule();
    const begun = module.command('switchover', 60_000);
    await module.close();
    const { core } = module;
    answer();
    await answered;
    expect(proposed).toEqual([]);
    const refused = { ok: false, code: 'NOT_HEALTHY', reason: 'web was closed on this host' };
    expect(await module.command('stop', 60_000)).toMatchObject(refused);
    expect(await begun).toMatchObject({ ok: false });
    expect(module.core).toBe(core);
  });
});
