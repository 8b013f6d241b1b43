import { describe, expect, it } from 'vitest';
import { type Cure, type DrawnFault, NotHere } from '../../lab/campaign/faults/fault.ts';
import { faultKinds } from '../../lab/campaign/faults/faultKinds.ts';
import type { Limited } from '../../lab/campaign/hostLimits.ts';
import type { Site } from '../../lab/campaign/site.ts';
import { Random } from '../../simulation/random.ts';

function draw(kind: string, seed = 1): DrawnFault {
  const found = faultKinds.find(({ name }) => name === kind);
  if (!found) throw new Error(`no fault ${kind}`);
  return found.draw(new Random(seed), 3000);
}

interface FakeOptions {
  readonly agentPid?: number | null;
  readonly failing?: boolean;
  readonly limited?: Limited;
}

/** A host that is on, and what faults told of it. */
function fakeSite({ agentPid = 7, failing = false, limited = 'done' }: FakeOptions = {}): {
  readonly site: Site;
  readonly told: string[];
} {
  const told: string[] = [];
  const host = {
    clockAheadMs: 0,
    setClock: (aheadMs: number) => {
      host.clockAheadMs = aheadMs;
      return Promise.resolve();
    },
    name: 'alpha',
    isOn: true,
    firstPid: process.pid,
    agentPid: () => Promise.resolve(agentPid),
    killAgent: () => Promise.resolve(void told.push('killed')),
    stopAgent: () => Promise.resolve(void told.push('stopped')),
    exec: (argv: readonly string[]) => {
      told.push(argv[0] === 'bash' ? (argv[2] ?? '').replaceAll(/\b\d+(\.\d+)?\b/g, 'N') : argv.slice(0, 2).join(' '));
      return Promise.resolve({ code: 0, stdout: '', stderr: '' });
    },
  };
  const site = {
    host: () => host,
    hostOf: () => 'alpha',
    nameOf: () => 'alpha',
    cluster: { view: { drop: () => undefined } },
    limits: { limitMemory: () => Promise.resolve(limited), limitProcessor: () => Promise.resolve(limited) },
    disks: { fail: () => Promise.resolve(!failing), mend: () => Promise.resolve() },
    expectEnd: (_: string, code: number) => told.push(`may end with ${code}`),
    expectTwins: (_: string, ms: number) => told.push(ms > 1000 ? 'twins for longer' : `twins for ${ms} ms`),
  };
  return { site: site as unknown as Site, told };
}

describe('a fault that ends an agent', () => {
  const kinds = ['kill -9 of an agent', 'kill -9 of an agent, which stays away', 'SIGTERM of an agent'];

  it.each(kinds)('is none where no agent runs, and then no end is expected: %s', async (kind) => {
    const { site, told } = fakeSite({ agentPid: null });
    expect(await draw(kind).begin(site)).toBeNull();
    expect(told).toEqual([]);
  });

  it.each(kinds)('expects its end where one runs: %s', async (kind) => {
    const { site, told } = fakeSite();
    expect(await draw(kind).begin(site)).not.toBeNull();
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^may end with (0|137)$/);
  });

  it('that could not be brought about expects none: memory pressure', async () => {
    const { site, told } = fakeSite({ limited: 'refused' });
    expect(await draw('memory pressure').begin(site)).toBeNull();
    expect(told).toEqual([]);
  });
});

describe('a host that gets less of the machine', () => {
  it.each(['memory pressure', 'too little processor time'])(
    'says when the machine has no means for it: %s',
    async (kind) => {
      const { site, told } = fakeSite({ limited: 'impossible' });
      const outcome = await draw(kind).begin(site);
      expect(outcome).toBeInstanceOf(NotHere);
      expect((outcome as NotHere).why).toMatch(/^no control group limits /);
      expect(told).toEqual([]);
      expect(await draw(kind).begin(fakeSite().site)).toBeTypeOf('function');
    },
  );
});

describe('what stands still', () => {
  const host = 'kill -STOP -N; sleep N; kill -CONT -N';
  const agent = 'kill -STOP N; sleep N; kill -CONT N';
  const mirror = expect.stringMatching(
    /^pkill -STOP -f '\^understudy mirror (web|db)'; sleep N; pkill -CONT -f '\^understudy mirror (web|db)'$/,
  ) as string;

  it.each([
    ['a host stands still, shorter than the detection time', [host]],
    ['a host stands still, longer than the detection time', ['twins for 1000 ms', host]],
    ['an agent stands still, shorter than the detection time', [agent]],
    ['an agent stands still, longer than the detection time', ['twins for longer', agent]],
    ['a mirror process stands still, longer than the detection time', ['pgrep -f', mirror]],
  ])(
    'may leave two servers only where nobody could end the first one, and goes on by itself: %s',
    async (kind, expected) => {
      const { site, told } = fakeSite();
      const cure = await draw(kind).begin(site);
      await (cure as Cure)();
      expect(told).toEqual(expected);
    },
  );

  it('stops a virtual server by an expression that does not fit to the shell which does it', async () => {
    const { site, told } = fakeSite();
    await draw('a virtual server stands still').begin(site);
    const expression = /pkill -STOP -f '([^']+)'/.exec(told[1] ?? '')?.[1] ?? '';
    const name = /understudy-(web|db)/.exec(expression)?.[1] ?? '';
    const fits = (line: string): boolean => new RegExp(expression).test(line);
    expect(fits(`/usr/bin/qemu-system-x86_64 -name guest=understudy-${name} -accel tcg`)).toBe(true);
    expect(fits(`qemu-system-x86_64 -name guest=understudy-${name}`)).toBe(true);
    expect(fits('qemu-system-x86_64 -name guest=understudy-other')).toBe(false);
    expect(fits(`bash -c ${told[1] ?? ''}`)).toBe(false);
  });
});

describe('a clock that jumps', () => {
  it('does so by minutes to days, in both directions, and is set back or not', async () => {
    const jumps: number[] = [];
    let setBack = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const { site } = fakeSite();
      const host = site.host('alpha');
      const cure = await draw('clock jump', seed).begin(site);
      const jump = host.clockAheadMs ?? 0;
      jumps.push(jump);
      await (cure as Cure)();
      expect([0, jump]).toContain(host.clockAheadMs);
      if (host.clockAheadMs === 0) setBack += 1;
    }
    const minutes = jumps.map((ms) => Math.abs(ms) / 60_000);
    expect(Math.min(...minutes)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...minutes)).toBeGreaterThan(2 * 24 * 60);
    expect(Math.max(...minutes)).toBeLessThanOrEqual(5 * 24 * 60);
    for (const count of [setBack, jumps.filter((ms) => ms < 0).length, minutes.filter((each) => each < 60).length]) {
      expect(count).toBeGreaterThan(40);
      expect(count).toBeLessThan(160);
    }
  });
});

describe('errors of a disk', () => {
  it('come on one host at a time', async () => {
    expect(await draw('disk errors').begin(fakeSite().site)).not.toBeNull();
    expect(await draw('disk errors').begin(fakeSite({ failing: true }).site)).toBeNull();
  });
});
