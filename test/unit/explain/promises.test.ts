import { describe, expect, it } from 'vitest';
import { explain, storiesOf, tell } from '../../../agent/explain/explain.ts';
import type { Fault } from '../../../agent/explain/fault.ts';
import { faultNames, faultsOf } from '../../../agent/explain/faults.ts';
import { assumptionsOf } from '../../../agent/explain/assumptions.ts';
import type { Story } from '../../../agent/explain/story.ts';
import { clusterOf, etcd, moduleOf, noArbiter, scripts } from '../../support/explained.ts';

const checks = [
  { name: 'site', http: { url: 'http://10.0.0.50/' }, onFailure: 'restart' },
  { name: 'port', tcp: { port: 80, host: '10.0.0.50' }, onFailure: 'failover' },
];
const conditions = [{ name: 'gateway', ping: { host: '10.77.0.254' } }];
const risk = { withoutArbiter: 'risk-split-brain' };

const variants: readonly (readonly [string, object, object, object])[] = [
  ['a witness', {}, { checks }, {}],
  ['etcd', { conditions }, {}, etcd],
  ['no arbiter', {}, {}, noArbiter],
  ['no arbiter, and the risk of two servers', risk, {}, noArbiter],
  ['a detection of 800 ms', { detection: '800ms' }, {}, {}],
  ['no automatic failover', { automatic: false }, {}, {}],
  ['automatic failback', { failback: 'automatic', failbackAfter: '1m' }, {}, {}],
  ['scripts', {}, scripts, {}],
  ['the preferred host second by its name', {}, { hosts: ['beta', 'alpha'] }, {}],
];

interface Played {
  readonly fault: Fault;
  readonly stories: readonly Story[];
}
/** Each variant is played once for all that is asked of it. */
const played = new Map<object, readonly Played[]>();

function playAll(failover: object, rest: object, cluster: object): readonly Played[] {
  const known = played.get(failover);
  if (known) return known;
  const module = moduleOf({ ...failover }, { ...rest });
  const around = clusterOf({ ...cluster });
  const all = faultsOf(module, around).map((fault) => ({ fault, stories: storiesOf(fault, module, around) }));
  played.set(failover, all);
  return all;
}

const phasesOf = ({ stories }: Played) => stories.flatMap(({ phases }) => phases);

const nameOf = ({ name, host, subject }: Fault): string => [name, host, subject].filter(Boolean).join(' ');

describe('in whatever is explained', () => {
  it.each(variants)(
    'no two servers run at the same time with %s, unless the file takes that risk',
    (_, failover, rest, cluster) => {
      const isRisky = 'withoutArbiter' in failover;
      const found = playAll(failover, rest, cluster)
        .filter((each) => phasesOf(each).some(({ twoServers }) => twoServers.max > 0))
        .map(({ fault }) => fault.name);
      expect([...new Set(found)]).toEqual(isRisky ? expect.arrayContaining(['hosts-cut']) : []);
      if (isRisky) expect(found.every((name) => name === 'hosts-cut' || name === 'stall')).toBe(true);
    },
  );

  it.each(variants)(
    'what a server wrote and was told of is there where it runs next with %s',
    (_, failover, rest, cluster) => {
      const found = playAll(failover, rest, cluster)
        .filter((each) => phasesOf(each).some(({ lost }) => lost !== null))
        .map(({ fault }) => fault.name);
      // By force, or with two histories.
      expect([...new Set(found)].every((name) => ['secondary-then-primary', 'hosts-cut', 'stall'].includes(name))).toBe(
        true,
      );
      if (!('withoutArbiter' in failover)) expect(found.every((name) => name === 'secondary-then-primary')).toBe(true);
    },
  );

  it.each(variants)('every sentence says something with %s', (_, failover, rest, cluster) => {
    const module = moduleOf({ ...failover }, { ...rest });
    const assumptions = assumptionsOf(module, clusterOf({ ...cluster }), true);
    for (const { fault: about, stories } of playAll(failover, rest, cluster)) {
      const { sentences, timeline, title, fault } = tell(about, module, stories);
      expect(sentences.length, title).toBeGreaterThan(0);
      for (const each of [...sentences, ...assumptions]) {
        expect(each).toMatch(/^([A-Z“]|web|alpha|beta).*[.!?]$/s);
        expect(each).not.toMatch(/undefined|null|NaN|Infinity|\[object/);
      }
      expect(timeline.length, title).toBeGreaterThan(0);
      expect(timeline.every(({ atMs }) => Number.isFinite(atMs) && atMs >= 0)).toBe(true);
      expect(faultNames).toContain(fault);
    }
  });

  it('the same file gives the same answer', () => {
    const [once, again] = [0, 1].map(() => explain(moduleOf(), clusterOf(), { fault: 'isolated' }));
    expect(once).toEqual(again);
  });

  it('each fault is told once for each host and subject', () => {
    const names = faultsOf(moduleOf({ conditions }, { checks }), clusterOf()).map(nameOf);
    expect(new Set(names).size).toBe(names.length);
  });
});
