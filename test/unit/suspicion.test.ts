import { describe, expect, it } from 'vitest';
import { Suspicion, suspicionTimes } from '../../agent/host/suspicion.ts';

/** Heartbeats at the given times, looked at every 50 ms; returns the changes as "TIME WORD". */
function follow(heardAt: readonly number[], until: number): string[] {
  const host = new Suspicion(suspicionTimes(250, 3000));
  const changes: string[] = [];
  const heard = [...heardAt];
  for (let now = 0; now <= until; now += 50) {
    while (heard[0] !== undefined && heard[0] <= now) host.heard(heard.shift() ?? 0);
    if (host.look(now) !== null) changes.push(`${String(now)} ${host.liveness}`);
  }
  return changes;
}

const every = (ms: number, from: number, to: number): number[] => {
  const times: number[] = [];
  for (let at = from; at <= to; at += ms) times.push(at);
  return times;
};

describe('a host that is watched', () => {
  it('is alive from its first heartbeat on', () => {
    expect(follow(every(250, 100, 5000), 5000)).toEqual(['100 alive']);
  });

  it('is suspect when it is late, and taken for failed after the detection time', () => {
    expect(follow(every(250, 100, 1100), 6000)).toEqual(['100 alive', '1900 suspect', '4150 silent']);
  });

  it('stays suspect until it was heard steadily for a while, however often it is heard in between', () => {
    const slow = [...every(250, 100, 1100), ...every(1000, 2100, 6100), ...every(250, 6350, 12_000)];
    expect(follow(slow, 12_000)).toEqual(['100 alive', '1900 suspect', '9150 alive']);
  });

  it('is suspect first when it comes back', () => {
    expect(follow([...every(250, 100, 1100), ...every(250, 9000, 14_000)], 14_000)).toEqual([
      '100 alive',
      '1900 suspect',
      '4150 silent',
      '9000 suspect',
      '12050 alive',
    ]);
  });

  it('is not blamed for what was missed while nobody listened', () => {
    const host = new Suspicion(suspicionTimes(250, 3000));
    host.heard(1000);
    expect(host.look(1050)).toBe('silent');
    host.excuse(5000);
    expect(host.look(6250)).toBeNull();
    expect(host.liveness).toBe('alive');
  });

  it('is suspect at half of a short detection time', () => {
    expect(suspicionTimes(100, 800)).toEqual({ suspectMs: 300, failedMs: 800, steadyMs: 2000 });
    expect(suspicionTimes(250, 800).suspectMs).toBe(400);
  });
});
