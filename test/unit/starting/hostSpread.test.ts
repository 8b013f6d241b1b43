import { describe, expect, it } from 'vitest';
import {
  pairsBySpread,
  possiblePairs,
  preferredOn,
  spread,
  type Pair,
} from '../../../extension/model/starting/hostSpread.ts';
import { resolveCluster } from '../../../schemas/defaults.ts';
import type { ClusterFile } from '../../../schemas/generated/cluster.ts';

const cluster = (hosts: readonly string[], change: Partial<ClusterFile> = {}) =>
  resolveCluster({
    name: 'site',
    networks: { lan: {} },
    hosts: Object.fromEntries(hosts.map((name, index) => [name, { lan: `10.0.0.${String(index + 1)}` }])),
    arbiter: 'none',
    ...change,
  });
const modules = (...pairs: readonly Pair[]) => pairs.map((hosts) => ({ hosts }));

describe('pairs that a module may have', () => {
  it('leave the witness out', () => {
    const pairs = possiblePairs(cluster(['alpha', 'beta', 'gamma'], { arbiter: { witness: 'gamma' } }));
    expect(pairs).toEqual([
      ['alpha', 'beta'],
      ['beta', 'alpha'],
    ]);
  });

  it('are all of them where any third host can be the witness', () => {
    const arbiter = { witness: ['alpha', 'beta', 'gamma'] as [string, ...string[]] };
    expect(possiblePairs(cluster(['alpha', 'beta', 'gamma'], { arbiter }))).toHaveLength(6);
  });

  it('share a network', () => {
    const hosts = { alpha: { lan: '10.0.0.1' }, beta: { link: '10.0.1.2' }, delta: { lan: '10.0.0.4' } };
    expect(possiblePairs(cluster([], { networks: { lan: {}, link: {} }, hosts }))).toEqual([
      ['alpha', 'delta'],
      ['delta', 'alpha'],
    ]);
  });
});

describe('the spread', () => {
  const pairs = possiblePairs(cluster(['alpha', 'beta']));

  it('prefers the host with fewer modules next', () => {
    expect(pairsBySpread(pairs, [])[0]).toEqual(['alpha', 'beta']);
    expect(pairsBySpread(pairs, modules(['alpha', 'beta']))[0]).toEqual(['beta', 'alpha']);
    expect(preferredOn('alpha', modules(['alpha', 'beta'], ['beta', 'alpha'], ['alpha', 'beta']))).toBe(2);
  });

  it('of several modules is even, whatever is there already', () => {
    const four = spread(pairs, modules(['alpha', 'beta'], ['alpha', 'beta']), 4);
    expect(four.map(([first]) => first)).toEqual(['beta', 'beta', 'alpha', 'beta']);
  });

  it('spreads those that stand in as well', () => {
    const three = possiblePairs(cluster(['alpha', 'beta', 'delta']));
    const six = spread(three, [], 6);
    for (const host of ['alpha', 'beta', 'delta']) {
      expect(six.filter(([first]) => first === host)).toHaveLength(2);
      expect(six.filter(([, second]) => second === host)).toHaveLength(2);
    }
  });

  it('is empty where there is no pair', () => expect(spread([], [], 2)).toEqual([]));
});
