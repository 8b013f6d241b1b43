import { describe, expect, it } from 'vitest';
import type { DrawnFault } from '../../lab/campaign/faults/fault.ts';
import { faultKinds } from '../../lab/campaign/faults/faultKinds.ts';
import type { Site } from '../../lab/campaign/site.ts';
import { Random } from '../../simulation/random.ts';

function draw(kind: string): DrawnFault {
  const found = faultKinds.find(({ name }) => name === kind);
  if (!found) throw new Error(`no fault ${kind}`);
  return found.draw(new Random(1), 3000);
}

/** A host that is on, and what faults told of it. */
function fakeSite(agentPid: number | null, failing = false): { readonly site: Site; readonly told: string[] } {
  const told: string[] = [];
  const host = {
    name: 'alpha',
    isOn: true,
    firstPid: process.pid,
    agentPid: () => Promise.resolve(agentPid),
    killAgent: () => Promise.resolve(void told.push('killed')),
    stopAgent: () => Promise.resolve(void told.push('stopped')),
    exec: (argv: readonly string[]) => Promise.resolve(void told.push(argv.slice(0, 2).join(' '))),
  };
  const site = {
    host: () => host,
    hostOf: () => 'alpha',
    nameOf: () => 'alpha',
    cluster: { view: { drop: () => undefined } },
    limits: { limitMemory: () => Promise.resolve(false) },
    disks: { fail: () => Promise.resolve(!failing), mend: () => Promise.resolve() },
    expectEnd: (_: string, code: number) => told.push(`may end with ${code}`),
    expectTwins: (_: string, ms: number) => told.push(ms > 1000 ? 'twins for longer' : `twins for ${ms} ms`),
  };
  return { site: site as unknown as Site, told };
}

describe('a fault that ends an agent', () => {
  const kinds = ['kill -9 of an agent', 'kill -9 of an agent, which stays away', 'SIGTERM of an agent'];

  it.each(kinds)('is none where no agent runs, and then no end is expected: %s', async (kind) => {
    const { site, told } = fakeSite(null);
    expect(await draw(kind).begin(site)).toBeNull();
    expect(told).toEqual([]);
  });

  it.each(kinds)('expects its end where one runs: %s', async (kind) => {
    const { site, told } = fakeSite(7);
    expect(await draw(kind).begin(site)).not.toBeNull();
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^may end with (0|137)$/);
  });

  it('that could not be brought about expects none: memory pressure', async () => {
    const { site, told } = fakeSite(7);
    expect(await draw('memory pressure').begin(site)).toBeNull();
    expect(told).toEqual([]);
  });
});

describe('what stands still', () => {
  it.each([
    ['a host stands still, shorter than the detection time', ['bash -c']],
    ['a host stands still, longer than the detection time', ['twins for 1000 ms', 'bash -c']],
    ['an agent stands still, shorter than the detection time', ['kill -STOP']],
    ['an agent stands still, longer than the detection time', ['twins for longer', 'kill -STOP']],
    ['a mirror process stands still, longer than the detection time', ['pkill -STOP']],
  ])('may leave two servers only where nobody could end the first one: %s', async (kind, expected) => {
    const { site, told } = fakeSite(7);
    await draw(kind)
      .begin(site)
      .catch(() => undefined);
    expect(told).toEqual(expected);
  });
});

describe('errors of a disk', () => {
  it('come on one host at a time', async () => {
    expect(await draw('disk errors').begin(fakeSite(7).site)).not.toBeNull();
    expect(await draw('disk errors').begin(fakeSite(7, true).site)).toBeNull();
  });
});
