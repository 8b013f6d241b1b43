import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Role } from '../../agent/core/types.ts';
import { ioctl } from '../../agent/platform/libc.ts';
import { endLimitMs, HostWatchdog, type HostWatchdogOptions } from '../../agent/runtime/hostWatchdog.ts';

/** Bytes that wait to be read from a pipe (asm-generic/ioctls.h). */
const FIONREAD = 0x541b;

let folder = '';
/** Stands for the device: what is written to it can be read. It knows none of a watchdog's requests. */
let device = '';
let reader = -1;
const told: string[] = [];
let role: Role = { at: 'stopped' };
let isServerGone = false;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'understudy-watchdog-'));
  device = path.join(folder, 'watchdog');
  execFileSync('mkfifo', [device]);
  reader = fs.openSync(device, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  told.length = 0;
  role = { at: 'stopped' };
  isServerGone = false;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  fs.closeSync(reader);
  fs.rmSync(folder, { recursive: true });
});

function watchdog(more: Partial<HostWatchdogOptions> = {}): HostWatchdog {
  return new HostWatchdog({
    host: 'alpha',
    device,
    timeoutMs: 20_000,
    modules: () => [{ name: 'web', core: { role }, isServerGone }],
    log: (_level, code, message) => void told.push(`${code} ${message}`),
    ...more,
  });
}

/** What the device was given since the last time. */
function written(): string {
  const buffer = Buffer.alloc(4096);
  try {
    return buffer.toString('latin1', 0, fs.readSync(reader, buffer));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return '';
    throw error;
  }
}

describe('the hardware watchdog', () => {
  it('is fed several times within its time, and stopped when the agent stops in order', () => {
    const dog = watchdog();
    dog.start();
    expect(written()).toBe('\0');
    vi.advanceTimersByTime(20_000);
    expect(written().length).toBeGreaterThanOrEqual(4);
    dog.stop();
    expect(written()).toBe('V');
    vi.advanceTimersByTime(20_000);
    expect(written()).toBe('');
  });

  it('resets the host when a server that must not run there does not end', () => {
    const dog = watchdog();
    dog.start();
    role = { at: 'fencing', reason: 'deposed', retryAfterMs: 0 };
    vi.advanceTimersByTime(endLimitMs - 1);
    expect(written()).not.toBe('');
    vi.advanceTimersByTime(5001);
    written();
    expect(told.at(-1)).toMatch(/^WATCHDOG_STARVED web could not be ended on alpha for 10 s/);
    vi.advanceTimersByTime(60_000);
    expect(written()).toBe('');
    expect(told.filter((line) => line.startsWith('WATCHDOG_STARVED'))).toHaveLength(1);
    // Nor does it go away with an agent that is stopped now.
    dog.stop();
    expect(written()).toBe('');
  });

  it('is fed again when the server has ended in time after all, and each fence has its own time', () => {
    watchdog().start();
    role = { at: 'fencing', reason: 'deposed', retryAfterMs: 0 };
    vi.advanceTimersByTime(20_000);
    written();
    role = { at: 'fencing', reason: 'deposed again', retryAfterMs: 0 };
    vi.advanceTimersByTime(5000);
    expect(written()).toBe('\0');
    expect(told.at(-1)).toMatch(/^WATCHDOG_FED web has ended/);
  });

  it('is fed although a disk keeps the mirror from ending, when nothing of the server is there any more', () => {
    const dog = watchdog();
    dog.start();
    role = { at: 'fencing', reason: 'deposed', retryAfterMs: 0 };
    vi.advanceTimersByTime(5000);
    isServerGone = true;
    vi.advanceTimersByTime(60_000);
    expect(written().length).toBeGreaterThanOrEqual(12);
    expect(told.filter((line) => line.startsWith('WATCHDOG_STARVED'))).toEqual([]);
    dog.stop();
    expect(written()).toBe('V');
  });

  it('is fed again as soon as the server is known to be gone, also when the mirror has not ended', () => {
    watchdog().start();
    role = { at: 'fencing', reason: 'deposed', retryAfterMs: 0 };
    vi.advanceTimersByTime(20_000);
    written();
    isServerGone = true;
    vi.advanceTimersByTime(5000);
    expect(written()).toBe('\0');
    expect(told.at(-1)).toMatch(/^WATCHDOG_FED web has ended/);
  });

  it('that is not there is told of, and nothing else depends on it', () => {
    const dog = watchdog({ device: path.join(folder, 'nothing') });
    dog.start();
    dog.feed();
    dog.stop();
    expect(told).toEqual([expect.stringMatching(/^WATCHDOG_UNUSABLE .*load the driver of the hardware/)]);
  });

  it('is not touched where none is used', () => {
    const dog = watchdog({ device: null });
    expect(dog.isRunning).toBe(false);
    dog.start();
    dog.stop();
    expect(told).toEqual([]);
  });

  it('is asked by requests that reach the kernel with their arguments', () => {
    const writer = fs.openSync(device, fs.constants.O_WRONLY);
    try {
      fs.writeSync(writer, 'seven b');
      const answer = Buffer.alloc(4);
      ioctl(reader, FIONREAD, answer, 'FIONREAD');
      expect(answer.readInt32LE()).toBe(7);
      expect(() => ioctl(reader, 0xc0045706, answer, 'WDIOC_SETTIMEOUT')).toThrow('WDIOC_SETTIMEOUT');
    } finally {
      fs.closeSync(writer);
    }
  });
});
