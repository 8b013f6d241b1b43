import fs from 'node:fs';

const DEVICE = '/dev/cpu_dma_latency';

/** Whether the kernel of this machine takes such requests. */
export const powerManagement = fs.existsSync(DEVICE);

/** Whether a process asks the kernel to keep processors awake. */
export function keepsAwake(pid: number | undefined): boolean {
  return fs.readdirSync(`/proc/${pid ?? -1}/fd`).some((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid ?? -1}/fd/${fd}`) === DEVICE;
    } catch {
      return false;
    }
  });
}
