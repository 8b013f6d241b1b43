import { describe, expect, it } from 'vitest';
import { lensesOf, withPlainLines } from '../../../extension/model/lensFacts.ts';
import type { LensCluster, LensFile } from '../../../extension/model/lensFacts.ts';
import type { ModuleStatus } from '../../../schemas/generated/api.ts';
import { moduleStatus, replicaStatus, snapshotOf } from '../../support/memoryFacade.ts';

const stoppedServer = { server: { state: 'stopped' as const, detail: null, startedAt: null, restarts: 0 } };
const stopped = moduleStatus('web', {
  desired: 'stopped',
  primary: null,
  onHosts: [replicaStatus('alpha', 'STOP', stoppedServer), replicaStatus('beta', 'STOP', stoppedServer)],
});

function file(extra: Partial<LensFile> = {}): LensFile {
  return { kind: 'module', name: 'web', cluster: 'site', text: 'same', hasErrors: false, ...extra };
}

function cluster(modules: ModuleStatus[] = [moduleStatus('web')], extra: Partial<LensCluster> = {}): LensCluster {
  return { id: 'site', name: 'site', role: 'admin', snapshot: snapshotOf(modules), running: 'same', ...extra };
}

const titles = (of: LensFile, ...clusters: LensCluster[]): string[] => lensesOf(of, clusters).map(({ title }) => title);

describe('a module', () => {
  it('has its state with both hosts, and what can be done now', () => {
    expect(lensesOf(file(), [cluster()])).toEqual([
      {
        cluster: 'site',
        action: null,
        title: '$(pass-filled)\u00a0web: PRIM on alpha, SECOND on beta, in sync',
        hint: null,
      },
      {
        cluster: 'site',
        action: 'switchover',
        title: 'Switch Over…',
        hint: 'Move the server to beta; nothing is lost.',
      },
      {
        cluster: 'site',
        action: 'stop',
        title: 'Stop…',
        hint: 'Stop the server, then the mirror, on both hosts.',
      },
      { cluster: 'site', action: 'open', title: 'Open Panel', hint: null },
    ]);
  });

  it('that is stopped can be started and nothing else', () => {
    expect(titles(file(), cluster([stopped]))).toEqual([
      '$(circle-outline)\u00a0web: STOP on both hosts',
      'Start…',
      'Open Panel',
    ]);
  });

  it('has no action that the role does not allow', () => {
    expect(titles(file(), cluster([stopped], { role: 'viewer', running: undefined }))).toEqual([
      '$(circle-outline)\u00a0web: STOP on both hosts',
      'Open Panel',
    ]);
  });

  it('tells of maintenance and warnings, and shows what others wrote as it is', () => {
    const waiting = moduleStatus('web', {
      primary: null,
      maintenance: { until: '2026-11-22T12:00:00.000Z', reason: null, by: 'ann' },
      warnings: ['one', 'two'],
      onHosts: [
        replicaStatus('alpha', 'WAIT', { reason: `$(error) no\nroom ${'x'.repeat(200)}` }),
        replicaStatus('beta', 'STOP'),
      ],
    });
    const [state] = titles(file(), cluster([waiting]));
    expect(state).toMatch(/^\$\(error\)\u00a0web: WAIT \\\$\(error\) no room x+… · maintenance · 2 warnings$/);
    expect(state?.length).toBeLessThan(200);
  });

  it('can be compared and applied where its text is not what runs', () => {
    const changed = file({ text: 'changed' });
    expect(lensesOf(changed, [cluster()]).slice(-2)).toEqual([
      {
        cluster: 'site',
        action: 'compare',
        title: 'Show Difference',
        hint: 'Compare this text with what the hosts run by.',
      },
      {
        cluster: 'site',
        action: 'apply',
        title: 'Apply…',
        hint: 'Make all hosts run by this text.',
      },
    ]);
    const actions = (of: LensFile, role: LensCluster['role']) =>
      lensesOf(of, [cluster(undefined, { role })]).map(({ action }) => action);
    expect(actions(changed, 'operator')).toContain('compare');
    expect(actions(changed, 'operator')).not.toContain('apply');
    expect(actions({ ...changed, hasErrors: true }, 'admin')).toContain('compare');
    expect(actions({ ...changed, hasErrors: true }, 'admin')).not.toContain('apply');
    expect(titles(changed, cluster(undefined, { running: undefined })).join()).not.toMatch(/Difference|Apply/);
  });

  it('that the cluster does not have can only be added', () => {
    const shop = file({ name: 'shop', text: 'new' });
    expect(titles(shop, cluster(undefined, { running: null }))).toEqual([
      '$(circle-outline)\u00a0shop: not in cluster site yet',
      'Apply…',
    ]);
    expect(titles({ ...shop, hasErrors: true }, cluster(undefined, { running: null }))).toHaveLength(1);
  });

  it('in a file of another name than the one that the hosts have is not added a second time', () => {
    expect(titles(file({ text: 'copy' }), cluster(undefined, { running: null })).join()).not.toMatch(
      /Difference|Apply/,
    );
  });
});

describe('the cluster of a file', () => {
  const other = { ...snapshotOf(), cluster: 'other' };

  it('is the one whose file lies beside it', () => {
    const elsewhere = cluster(undefined, { id: '2', name: 'other', snapshot: other });
    expect(new Set(lensesOf(file(), [elsewhere, cluster()]).map((lens) => lens.cluster))).toEqual(new Set(['site']));
    expect(lensesOf(file({ cluster: 'third' }), [elsewhere, cluster()])).toEqual([]);
  });

  it('is each that knows the module when nothing else tells, and each line names its own', () => {
    const elsewhere = cluster([stopped], { id: '2', name: 'other' });
    const alone = file({ cluster: null });
    expect(titles(alone, elsewhere, cluster())).toEqual([
      '$(circle-outline)\u00a0web: STOP on both hosts (other)',
      'Start… (other)',
      'Open Panel (other)',
      '$(pass-filled)\u00a0web: PRIM on alpha, SECOND on beta, in sync (site)',
      'Switch Over… (site)',
      'Stop… (site)',
      'Open Panel (site)',
    ]);
    expect(lensesOf({ ...alone, name: 'shop' }, [elsewhere, cluster()])).toEqual([]);
    expect(lensesOf(alone, [])).toEqual([]);
  });

  it('has its own state above its own file, and can be applied there', () => {
    const site = file({ kind: 'cluster', name: 'site', cluster: null });
    expect(titles(site, cluster())).toEqual(['$(server-environment)\u00a0site: 2 of 3 hosts']);
    expect(titles({ ...site, text: 'changed' }, cluster())).toHaveLength(3);
    expect(titles({ ...site, text: 'changed' }, cluster(undefined, { running: null }))).toHaveLength(1);
  });
});

it('takes no notice of how lines end', () => {
  expect(withPlainLines('a\r\nb\n')).toBe('a\nb\n');
});
