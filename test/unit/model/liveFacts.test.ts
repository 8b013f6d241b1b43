import { describe, expect, it } from 'vitest';
import { liveLines } from '../../../extension/model/liveFacts.ts';
import type { FileSubject } from '../../../extension/model/fileClusters.ts';
import type { Snapshot } from '../../../schemas/generated/api.ts';
import type { PathSegment } from '../../../schemas/jsonText.ts';
import { moduleStatus, replicaStatus, snapshotOf } from '../../support/memoryFacade.ts';

const web: FileSubject = { kind: 'module', name: 'web', cluster: 'site' };
const site: FileSubject = { kind: 'cluster', name: 'site', cluster: null };

/** What is told of a place, as a person reads it. */
function told(
  subject: FileSubject,
  path: readonly PathSegment[],
  value: unknown,
  snapshot: Snapshot = snapshotOf(),
  part: 'key' | 'value' = 'value',
): readonly string[] {
  return liveLines(subject, { path, part, value }, snapshot).map((line) => line.replaceAll('\\', ''));
}

describe('in a module file', () => {
  it('a host has the state of the module on it, and its networks', () => {
    expect(told(web, ['hosts', 0], 'alpha')).toEqual([
      '**alpha** — PRIM, server running',
      '$(check) lan 10.77.0.1',
      '$(check) link 10.78.0.1',
      'Serves web.',
    ]);
    expect(told(web, ['hosts', 1], 'beta')).toEqual([
      '**beta** — SECOND in sync',
      '$(check) lan 10.77.0.2, 0.4 ms there and back',
      '$(close) link 10.78.0.2, not heard',
    ]);
    expect(told(web, ['hosts', 1], 'nobody')).toEqual([]);
  });

  it('the module has its state and what it copies, also where another one names it', () => {
    const expected = [
      '**web** — PRIM on alpha, SECOND on beta, in sync',
      'Every write on alpha is on beta before it is acknowledged.',
      '4.0 KiB/s copied in 12 writes per second, lag 850 µs. Writes waiting: 2; marked as in flight: 64.0 KiB.',
    ];
    expect(told(web, ['name'], 'web')).toEqual(expected);
    expect(told(web, ['name'], 'web', snapshotOf(), 'key')).toEqual(expected);
    expect(told({ ...web, name: 'shop' }, ['dependsOn', 0], 'web')).toEqual(expected);
  });

  it('directories have what is copied, and how far a resync is', () => {
    const resync = {
      ...{ kind: 'full' as const, cause: 'beta was replaced', toCheck: 4_294_967_296, checked: 1_073_741_824 },
      ...{ sent: 52_428_800, rate: 1, sentRate: 1, secondsLeft: 57 },
    };
    const module = moduleStatus('web', {
      inSync: ['alpha'],
      directories: ['/srv/web', '/srv/log'],
      onHosts: [
        replicaStatus('alpha', 'ALONE', { resync }),
        replicaStatus('beta', 'SECOND', { transition: 'resynchronising' }),
      ],
    });
    expect(told(web, ['mirror', 'directories', 1], '/srv/log', snapshotOf([module]))).toEqual([
      'beta is brought up to date while the server runs on alpha.',
      'Of all directories together:',
      'Resync (full: beta was replaced): 25 %, 1.0 GiB of 4.0 GiB compared, 50.0 MiB sent, 57 s left.',
    ]);
    expect(told(web, ['mirror', 'exclude', 0], '*.swp')).toEqual([]);
  });

  it('an address has the host that it is set on', () => {
    const virtualAddresses = [{ address: '10.77.0.100/24', interface: 'eth0' }];
    const module = moduleStatus('web', {
      virtualAddresses: ['10.77.0.100/24', 'fd00::100/64'],
      onHosts: [replicaStatus('alpha', 'PRIM', { virtualAddresses }), replicaStatus('beta', 'SECOND')],
    });
    const at = (path: readonly PathSegment[], value: unknown, part: 'key' | 'value' = 'value') =>
      told(web, path, value, snapshotOf([module]), part);
    const set = '**10.77.0.100/24** — set on alpha (eth0)';
    const unset = '**fd00::100/64** — not set on any host';
    expect(at(['virtualAddresses', 0, 'address'], '10.77.0.100/24')).toEqual([set]);
    expect(at(['virtualAddresses', 1, 'address'], 'fd00::100/64', 'key')).toEqual([unset]);
    expect(at(['virtualAddresses'], undefined, 'key')).toEqual([set, unset]);
    expect(at(['virtualAddresses', 0, 'address'], '10.77.0.7/24')).toEqual([]);
  });

  it('server and checks have how they stand', () => {
    const server = { state: 'running' as const, detail: null, startedAt: null, restarts: 2 };
    const check = {
      name: 'tcp web:80',
      state: 'failed' as const,
      since: '',
      error: 'refused',
      onFailure: 'report' as const,
    };
    const module = moduleStatus('web', {
      onHosts: [replicaStatus('alpha', 'PRIM', { server, checks: [check] }), replicaStatus('beta', 'SECOND')],
    });
    expect(told(web, ['server', 'qemu'], undefined, snapshotOf([module]), 'key')).toEqual([
      '**alpha** — server running, restarted 2 times',
    ]);
    expect(told(web, ['checks'], undefined, snapshotOf([module]), 'key')).toEqual(['**tcp web:80** — failed: refused']);
  });

  it('nothing is told of a module that the cluster does not have, nor of keys that have nothing live', () => {
    expect(told({ ...web, name: 'shop' }, ['mirror'], undefined, snapshotOf(), 'key')).toEqual([]);
    expect(told(web, ['failover', 'detection'], '3s')).toEqual([]);
  });
});

describe('in a cluster file', () => {
  it('hosts, networks, addresses and the arbiter have what is heard of them', () => {
    expect(told(site, ['hosts', 'gamma'], undefined, snapshotOf(), 'key')).toEqual([
      '**gamma** — witness, not reachable',
      '$(close) lan 10.77.0.3, not heard',
    ]);
    expect(told(site, ['networks', 'link'], undefined, snapshotOf(), 'key')).toEqual([
      '$(check) alpha 10.78.0.1',
      '$(close) beta 10.78.0.2, not heard',
    ]);
    const heard = ['$(check) beta, lan 10.77.0.2, 0.4 ms there and back'];
    expect(told(site, ['hosts', 'beta', 'lan'], '10.77.0.2')).toEqual(heard);
    expect(told(site, ['hosts', 'beta', 'lan'], '10.77.0.2', snapshotOf(), 'key')).toEqual(heard);
    expect(told(site, ['arbiter'], undefined, snapshotOf(), 'key')).toEqual(['Arbiter: witness gamma, reachable.']);
    expect(told(site, ['arbiter', 'witness'], 'gamma')[0]).toBe('**gamma** — witness, not reachable');
    expect(told(site, ['name'], 'site')).toEqual(['**site** — 2 of 3 hosts']);
  });

  it('what others wrote is no Markdown', () => {
    const module = moduleStatus('web', { warnings: ['[click](command:evil) $(error)'] });
    const lines = liveLines(web, { path: ['name'], part: 'value', value: 'web' }, snapshotOf([module]));
    expect(lines.at(-1)).toBe('$(warning) \\[click\\]\\(command\\:evil\\) \\\\\\$\\(error\\)');
  });
});
