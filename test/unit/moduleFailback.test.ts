import { describe, expect, it } from 'vitest';
import { ModuleFailback } from '../../agent/runtime/moduleFailback.ts';

const at = (hour: number, minute = 0): Date => new Date(2026, 6, 15, hour, minute);

describe('what stands in the way of a failback', () => {
  it('is nothing by default', () => {
    expect(new ModuleFailback('always').hindrance(false, null, at(12))).toBe(null);
  });

  it('is a window that is shut', () => {
    const failback = new ModuleFailback('daily 02:00-05:00');
    expect(failback.hindrance(false, null, at(1, 59))).toBe('the window daily 02:00-05:00');
    expect(failback.hindrance(false, null, at(2))).toBe(null);
    expect(failback.hindrance(false, null, at(5))).toBe('the window daily 02:00-05:00');
  });

  it('is the other host, while it runs by files in which another one may be the preferred one', () => {
    const failback = new ModuleFailback('always');
    expect(failback.hindrance(false, 'beta', at(12))).toBe('beta to run by the same version of the files');
    expect(failback.hindrance(false, null, at(12))).toBe(null);
  });

  it('is a verify', () => {
    expect(new ModuleFailback('always').hindrance(true, null, at(12))).toContain('verify');
  });
});
