import { expect, test, vi } from 'vitest';
import { keepsAwake, powerManagement } from './awakeProcess.ts';
import { BusyPair } from './busyPair.ts';

const busyPair = new BusyPair();

test.skipIf(!powerManagement)(
  'a primary that is frozen lets processors sleep, and keeps them awake again after it',
  async () => {
    const { alpha } = await busyPair.serve();
    const [guest] = await busyPair.start(['one']);
    await vi.waitUntil(() => keepsAwake(alpha.mirror.pid), { timeout: 10_000, interval: 20 });
    await alpha.mirror.freeze();
    expect(keepsAwake(alpha.mirror.pid)).toBe(false);
    await alpha.mirror.thaw();
    await vi.waitUntil(() => keepsAwake(alpha.mirror.pid), { timeout: 10_000, interval: 1 });
    if (guest) await busyPair.end([guest]);
    await vi.waitUntil(() => !keepsAwake(alpha.mirror.pid), { timeout: 10_000, interval: 20 });
  },
);
