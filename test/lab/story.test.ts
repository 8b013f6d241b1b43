import { describe, expect, it } from 'vitest';
import { tellStory } from './demo/story.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('the story of the demonstration', () => {
  it('power loss, failover, return, resync and switchover lose nothing and never run two guests', async () => {
    const result = await tellStory(() => undefined);
    expect(result.recordsLost).toBe(0);
    expect(result.twoPrimariesMs).toBe(0);
    expect(result.recordsAcknowledged).toBeGreaterThan(200);
    // The promise is a median of 4 s on a machine of its own; tests share theirs.
    expect(result.failoverMs).toBeLessThan(8000);
    expect(result.resyncBytes).toBeLessThanOrEqual(1.2 * result.changedBytes + 1024 * 1024);
  });
});
