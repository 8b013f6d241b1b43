import { describe, expect, it } from 'vitest';
import { troublesIn } from '../../../extension/model/troubles.ts';
import { noArbiterWarnings } from '../../../schemas/arbiter.ts';
import type { ModuleStatus } from '../../../schemas/generated/api.ts';
import { moduleStatus, replicaStatus, snapshotOf } from '../../support/memoryFacade.ts';

const troubles = (...modules: ModuleStatus[]) => troublesIn('site', snapshotOf(modules), false);

describe('what the status bar tells of', () => {
  it('is nothing while all is well', () => {
    expect(troubles(moduleStatus('web'))).toEqual([]);
  });

  it('is each module that is not well, an outage as serious', () => {
    const alone = moduleStatus('db', { onHosts: [replicaStatus('alpha', 'ALONE')], warnings: ['beta is suspect'] });
    const waits = moduleStatus('web', { onHosts: [replicaStatus('alpha', 'WAIT', { reason: 'no answer' })] });
    expect(troubles(alone, waits)).toEqual([
      { text: 'db: ALONE on alpha, no secondary', serious: false },
      { text: 'web: WAIT no answer', serious: true },
    ]);
  });

  it('is an arbiter that does not answer, and what else keeps a module from being taken over', () => {
    const lost = { ...snapshotOf(), arbiter: { kind: 'etcd' as const, host: null, reachable: false } };
    expect(troublesIn('site', lost, false)).toEqual([{ text: 'site: arbiter not reachable', serious: false }]);
    const warned = moduleStatus('web', { warnings: ['alpha could not fence beta now: no answer', 'beta is suspect'] });
    expect(troubles(warned)).toEqual([{ text: 'web: 2 warnings', serious: false }]);
  });

  it('names the cluster of a module where there are several', () => {
    const warned = snapshotOf([moduleStatus('web', { warnings: ['beta is suspect'] })]);
    expect(troublesIn('site', warned, true)).toEqual([{ text: 'web of site: 1 warning', serious: false }]);
  });

  it('is that the files of the hosts differ', () => {
    const configuration = { version: 3, drift: ['beta holds other files'], modules: ['web'], hosts: ['alpha', 'beta'] };
    expect(troublesIn('site', { ...snapshotOf(), configuration }, false)).toEqual([
      { text: 'site: files differ', serious: false },
    ]);
  });

  it('is not that there is no arbiter: that was chosen', () => {
    const without = moduleStatus('web', { warnings: [noArbiterWarnings.manual], automaticFailover: false });
    const arbiter = { kind: 'none' as const, host: null, reachable: false };
    expect(troublesIn('site', { ...snapshotOf([without]), arbiter }, false)).toEqual([]);
  });
});
