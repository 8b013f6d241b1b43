/**
 * Passes frames between two tap devices that it makes in its network namespace, both ways, in their order, and so much later: what netem does
 * on kernels that have it. Says "ready" when the devices are there; they are gone with it.
 *   lateWire.mjs DEVICE DEVICE MILLISECONDS
 */
import { openSync, read, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { ioctl } from '../../../agent/platform/libc.ts';

/** Of linux/if_tun.h. */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
/** struct ifreq: the name, then the flags. */
const requestBytes = 40;
const flagsAt = 16;
/** Longer than any frame of these devices. */
const frameBytes = 2048;

const readFrame = promisify(read);

function makeTap(name: string): number {
  const request = Buffer.alloc(requestBytes);
  request.write(name, 'latin1');
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI, flagsAt);
  const fd = openSync('/dev/net/tun', 'r+');
  ioctl(fd, TUNSETIFF, request, 'TUNSETIFF');
  return fd;
}

async function pass(from: number, to: number, delayMs: number): Promise<never> {
  const waiting: { readonly frame: Buffer; readonly dueAt: number }[] = [];
  const deliver = (): void => {
    const now = performance.now();
    for (let [next] = waiting; next !== undefined && next.dueAt <= now; [next] = waiting) {
      waiting.shift();
      send(to, next.frame);
    }
    const [next] = waiting;
    if (next !== undefined) setTimeout(deliver, Math.ceil(next.dueAt - now));
  };
  for (;;) {
    const { bytesRead, buffer } = await readFrame(from, Buffer.allocUnsafe(frameBytes), 0, frameBytes, null);
    waiting.push({ frame: buffer.subarray(0, bytesRead), dueAt: performance.now() + delayMs });
    if (waiting.length === 1) setTimeout(deliver, delayMs);
  }
}

function send(tap: number, frame: Buffer): void {
  try {
    writeSync(tap, frame);
  } catch {
    // A device that is down, or full, loses what comes.
  }
}

const [one = '', other = '', ms = ''] = process.argv.slice(2);
const [first, second] = [makeTap(one), makeTap(other)];
void Promise.all([pass(first, second, Number(ms)), pass(second, first, Number(ms))]);
process.stdout.write('ready\n');
