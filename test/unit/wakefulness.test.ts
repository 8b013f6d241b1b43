import fs from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { BusyMeter, Wakefulness } from '../../agent/platform/wakefulness.ts';

const device = '/dev/cpu_dma_latency';

function holdsTheDevice(): boolean {
  return fs.readdirSync('/proc/self/fd').some((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === device;
    } catch {
      return false;
    }
  });
}

describe('whether processors are kept awake', () => {
  it('depends on how often a thread is asked', () => {
    let now = 0;
    const meter = new BusyMeter(now);
    const ask = (times: number, everyMs: number) => {
      for (let count = 0; count < times; count++) meter.note(() => (now += everyMs));
    };
    ask(31, 1);
    expect(meter.busy).toBe(false);
    ask(33, 1);
    expect(meter.busy).toBe(true);
    meter.note(() => (now += 10_000));
    ask(63, 1000);
    expect(meter.busy).toBe(false);
    ask(64, 1);
    expect(meter.busy).toBe(true);
    meter.rest();
    expect(meter.busy).toBe(false);
  });

  it.skipIf(!fs.existsSync(device) || process.getuid?.() !== 0)(
    'asks the kernel for it only while a thread is busy',
    () => {
      const wakefulness = new Wakefulness(true);
      expect(wakefulness.waitMs).toBe(-1);
      for (let count = 0; count < 64; count++) wakefulness.note();
      expect(holdsTheDevice()).toBe(true);
      expect(wakefulness.waitMs).toBeGreaterThan(0);
      wakefulness.rest();
      expect(holdsTheDevice()).toBe(false);
      for (let count = 0; count < 64; count++) wakefulness.note();
      wakefulness.end();
      expect(holdsTheDevice()).toBe(false);
    },
  );

  it.skipIf(!fs.existsSync(device) || process.getuid?.() !== 0)(
    'ends when no request came for a while, however often the thread was woken up by something else',
    async () => {
      const wakefulness = new Wakefulness(true);
      for (let count = 0; count < 64; count++) wakefulness.note();
      expect(holdsTheDevice()).toBe(true);
      await vi.waitUntil(
        () => {
          wakefulness.waited();
          return !holdsTheDevice();
        },
        { interval: 5, timeout: 10_000 },
      );
      expect(wakefulness.waitMs).toBe(-1);
    },
  );

  it.skipIf(!fs.existsSync(device) || process.getuid?.() !== 0)(
    'is let go of while the thread takes no request, and taken again afterwards unless there was little to do',
    () => {
      const wakefulness = new Wakefulness(true);
      wakefulness.pause();
      wakefulness.goOn();
      expect(holdsTheDevice()).toBe(false);
      for (let count = 0; count < 64; count++) wakefulness.note();
      wakefulness.pause();
      expect(holdsTheDevice()).toBe(false);
      for (let count = 0; count < 64; count++) wakefulness.note();
      expect(holdsTheDevice()).toBe(false);
      wakefulness.goOn();
      expect(holdsTheDevice()).toBe(true);
      wakefulness.end();
    },
  );

  it.skipIf(!fs.existsSync(device) || process.getuid?.() !== 0)(
    'is wanted or not from one moment to the next, also while the thread takes no request',
    () => {
      const wakefulness = new Wakefulness(true);
      const ask = () => {
        for (let count = 0; count < 64; count++) wakefulness.note();
      };
      ask();
      wakefulness.want(false);
      expect(holdsTheDevice()).toBe(false);
      ask();
      expect(holdsTheDevice()).toBe(false);
      wakefulness.want(true);
      ask();
      expect(holdsTheDevice()).toBe(true);
      wakefulness.pause();
      wakefulness.want(false);
      wakefulness.goOn();
      expect(holdsTheDevice()).toBe(false);
      wakefulness.want(true);
      ask();
      expect(holdsTheDevice()).toBe(true);
      wakefulness.end();
    },
  );

  it('asks for nothing when it is not wanted', () => {
    const wakefulness = new Wakefulness(false);
    for (let count = 0; count < 1000; count++) wakefulness.note();
    expect(wakefulness.waitMs).toBe(-1);
    expect(holdsTheDevice()).toBe(false);
  });
});
