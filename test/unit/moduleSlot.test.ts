import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import type { ModuleRuntime } from '../../agent/runtime/moduleRuntime.ts';
import { ModuleSlot } from '../../agent/runtime/moduleSlot.ts';
import { resolveModule } from '../../schemas/defaults.ts';

const web = resolveModule({
  name: 'web',
  hosts: ['alpha', 'beta'],
  mirror: { directories: ['/srv/web'] },
  server: { scripts: { start: ['/bin/true'], stop: ['/bin/true'] } },
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-slot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A slot whose module is opened and closed without a mirror. */
function slotOf({ isPrimary = false, isFencing = false } = {}): { readonly slot: ModuleSlot; readonly did: string[] } {
  const did: string[] = [];
  const open = (): Promise<ModuleRuntime> => {
    did.push('opened');
    const close = (): Promise<void> => Promise.resolve(void did.push('closed'));
    return Promise.resolve({ isPrimary, isFencing, close } as unknown as ModuleRuntime);
  };
  const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
  return { slot: new ModuleSlot(web, open, null, log, () => undefined), did };
}

describe('a module that an earlier program of this process has served', () => {
  it('counts as served until it is taken over, or cannot be', async () => {
    const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
    const never = (): Promise<ModuleRuntime> => Promise.reject(new Error('no other way'));
    for (const isTaken of [true, false]) {
      let end: () => void = () => undefined;
      const adopt = (): Promise<ModuleRuntime> =>
        new Promise((resolve, reject) => {
          const close = (): Promise<void> => Promise.resolve();
          end = () => (isTaken ? resolve({ close } as unknown as ModuleRuntime) : reject(new Error('it is gone')));
        });
      const slot = new ModuleSlot(web, never, adopt, log, () => undefined);
      expect(slot.isServedAlready).toBe(true);
      const started = slot.start();
      await Promise.resolve();
      expect(slot.isServedAlready).toBe(true);
      end();
      await started;
      expect(slot.isServedAlready).toBe(false);
      expect(slot.runtime !== null).toBe(isTaken);
      await slot.close();
    }
    expect(slotOf().slot.isServedAlready).toBe(false);
  });
});

describe('a module, while another program is about to take the agent over', () => {
  it('is closed where it is not served, and open again when that has failed', async () => {
    const { slot, did } = slotOf();
    await slot.start();
    await slot.rest();
    expect(slot.runtime).toBeNull();
    await slot.resume();
    expect(slot.runtime).not.toBeNull();
    expect(did).toEqual(['opened', 'closed', 'opened']);
  });

  it('is not opened meanwhile, whatever becomes of its file', async () => {
    const { slot, did } = slotOf();
    const opening = slot.start();
    await slot.rest();
    await slot.start();
    await slot.hold('another arbiter is applied');
    await slot.hold(null);
    await opening;
    expect(did).toEqual([]);
    await slot.resume();
    expect(did).toEqual(['opened']);
  });

  it('goes on where it is served', async () => {
    const { slot, did } = slotOf({ isPrimary: true });
    await slot.start();
    await slot.rest();
    expect(slot.runtime?.isPrimary).toBe(true);
    expect(did).toEqual(['opened']);
  });

  it('is not closed while what is left of it is being ended', async () => {
    const { slot, did } = slotOf({ isFencing: true });
    await slot.start();
    await expect(slot.rest()).rejects.toThrow('web is being ended here: try again when it is');
    await slot.resume();
    expect(did).toEqual(['opened']);
  });

  it('stays closed once it was closed for good', async () => {
    const { slot, did } = slotOf();
    await slot.start();
    await slot.rest();
    await slot.close();
    await slot.resume();
    expect(did).toEqual(['opened', 'closed']);
  });
});

describe('a module that an earlier program left running', () => {
  it('goes by the file as it became before it was taken over', async () => {
    const did: string[] = [];
    const runtimeOf = (what: string) => () => {
      did.push(what);
      return Promise.resolve({ isStopped: false, what } as unknown as ModuleRuntime);
    };
    const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
    const slot = new ModuleSlot(web, runtimeOf('opened'), runtimeOf('adopted'), log, () => undefined);
    expect(slot.isStopped).toBe(false);
    await slot.hold('it is in doubt');
    await slot.change(web, runtimeOf('opened by the new file'), () => did.push('told'));
    expect(did).toEqual([]);
    await slot.hold(null);
    expect(did).toEqual(['adopted', 'told']);
    expect(slot.isStopped).toBe(false);
  });
});
