import { describe, expect, it } from 'vitest';
import { openArbiter, type ArbiterParts } from '../../agent/runtime/openArbiter.ts';
import { arbiterAnswers, arbiterText } from '../../schemas/arbiter.ts';
import type { ArbiterStatus, Snapshot } from '../../schemas/generated/api.ts';
import { snapshotOf } from '../support/memoryFacade.ts';

const all = ['alpha', 'beta', 'gamma'];

/** A cluster of three hosts, each of which is a witness; `reachable` are those that are. */
function seen(reachable: readonly string[], arbiter: Partial<ArbiterStatus> = {}): Pick<Snapshot, 'arbiter' | 'hosts'> {
  const { hosts } = snapshotOf();
  return {
    arbiter: { kind: 'witness', host: null, hosts: all, reachable: true, ...arbiter },
    hosts: hosts.map((host) => ({ ...host, reachable: reachable.includes(host.name) })),
  };
}

describe('what people are told of the arbiter', () => {
  it('names the witnesses that are reachable, and those that are not', () => {
    expect(arbiterText(seen(all))).toBe('witness alpha, beta, gamma, reachable');
    expect(arbiterText(seen(['alpha', 'gamma']))).toBe('witness alpha, gamma reachable, beta not');
    expect(arbiterText(seen([]))).toBe('witness alpha, beta, gamma, not reachable');
    const one = { host: 'gamma', hosts: ['gamma'] };
    expect(arbiterText(seen(all, { ...one, reachable: false }))).toBe('witness gamma, not reachable');
    const etcd = { kind: 'etcd' as const, endpoints: ['https://10.0.0.9:2379'], reachable: false };
    expect(arbiterText({ hosts: [], arbiter: { host: null, ...etcd } })).toBe(
      'etcd (https://10.0.0.9:2379), not reachable',
    );
    expect(arbiterText(seen(all, { kind: 'none' }))).toBeNull();
  });

  it('is of the third vote of a module, whatever other modules have', () => {
    const withoutBeta = seen(['alpha', 'gamma']);
    expect(arbiterAnswers(withoutBeta, ['alpha', 'beta'])).toBe(true);
    expect(arbiterAnswers(withoutBeta, ['alpha', 'gamma'])).toBe(false);
    expect(arbiterAnswers(seen(all, { kind: 'none' }), ['alpha', 'beta'])).toBeNull();
  });
});

describe('whether an agent reaches the witnesses', () => {
  const open = (pairs: readonly (readonly string[])[], reachable: readonly string[]): boolean =>
    openArbiter({
      configuration: {
        cluster: { arbiter: { kind: 'witness', hosts: all } },
        self: { name: 'alpha' },
        modules: pairs.map((hosts) => ({ hosts })),
      },
      links: { reachable: (host: string) => reachable.includes(host) },
    } as unknown as ArbiterParts).reachable();

  it('is about those that its modules have', () => {
    expect(open([['alpha', 'beta']], ['gamma'])).toBe(true);
    expect(open([['alpha', 'beta']], ['beta'])).toBe(false);
    expect(
      open(
        [
          ['alpha', 'beta'],
          ['gamma', 'alpha'],
        ],
        ['gamma'],
      ),
    ).toBe(false);
    // A pair of other hosts may have this one.
    expect(open([['beta', 'gamma']], [])).toBe(true);
  });

  it('is about all of them without any module', () => {
    expect(open([], ['gamma'])).toBe(false);
    expect(open([], ['beta', 'gamma'])).toBe(true);
  });
});
