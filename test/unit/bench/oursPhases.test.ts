import { describe, expect, it } from 'vitest';
import { phasesOf } from '../../bench/failover/oursPhases.ts';

const log = (...entries: readonly (readonly [code: string, atMs: number])[]) =>
  entries.map(([code, atMs]) => ({ code, atMs }));

describe('what our log tells of a failover', () => {
  it('is when the silence was noticed, when the start was decided on, and when the process began', () => {
    const told = log(['SERVER_STARTING', 10], ['PRIMARY_SILENT', 4000], ['SERVER_STARTING', 4030]);
    const phases = { detectionMs: 3000, decisionMs: 30, startMs: 5 };
    expect(phasesOf(told, 'powerLoss', 1000, 4035)).toEqual(phases);
  });

  it('is of a killed agent what its mirror process told before the silence was noticed', () => {
    const told = log(['PRIMARY_ENDED', 1100], ['SERVER_STARTING', 1150], ['PRIMARY_SILENT', 4000]);
    expect(phasesOf(told, 'agentKill', 1000, 1160)).toEqual({ detectionMs: 100, decisionMs: 50, startMs: 10 });
  });

  it('is the silence where nobody told of the end', () => {
    const told = log(['PRIMARY_SILENT', 4000], ['SERVER_STARTING', 4030]);
    expect(phasesOf(told, 'agentKill', 1000, 4035)).toMatchObject({ detectionMs: 3000, decisionMs: 30 });
  });

  it('leaves open what nothing tells, such as when a switchover was noticed', () => {
    const told = log(['SERVER_STARTING', 2000]);
    expect(phasesOf(told, 'switchover', 1000, 2010)).toEqual({ detectionMs: null, decisionMs: null, startMs: 10 });
    expect(phasesOf([], 'powerLoss', 1000, 2010)).toEqual({ detectionMs: null, decisionMs: null, startMs: null });
  });

  it('takes nothing of before the event', () => {
    const told = log(['SERVER_DIED', 900], ['SERVER_STARTING', 950], ['SERVER_DIED', 1005], ['SERVER_STARTING', 1040]);
    expect(phasesOf(told, 'guestCrash', 1000, 1050)).toEqual({ detectionMs: 5, decisionMs: 35, startMs: 10 });
  });
});
