import fs from 'node:fs';
import { expect, test, vi } from 'vitest';
import { BusyPair } from './busyPair.ts';

const DEVICE = '/dev/cpu_dma_latency';
const busyPair = new BusyPair();

/** Whether a process asks the kernel to keep processors awake. */
function keepsAwake(pid: number | undefined): boolean {
  return fs.readdirSync(`/proc/${pid ?? -1}/fd`).some((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid ?? -1}/fd/${fd}`) === DEVICE;
    } catch {
      return false;
    }
  });
}

test.skipIf(!fs.existsSync(DEVICE))(
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
