import { expect, it } from 'vitest';
import { allowedActions, missingRole } from '../../../extension/model/allowedActions.ts';
import type { ModuleStatus, Role } from '../../../schemas/generated/api.ts';
import { moduleStatus, replicaStatus } from '../../support/memoryFacade.ts';

const diverged = { since: 4, epoch: 5, from: 'alpha', fromEpoch: 6 };
const orphan = moduleStatus('web', {
  primary: null,
  onHosts: [replicaStatus('alpha', 'WAIT', { diverged }), replicaStatus('beta', 'STOP')],
});

function enabled(module: ModuleStatus, role: Role | null): string[] {
  return allowedActions(module, role)
    .filter((action) => action.enabled)
    .map((action) => action.name);
}

it('offers only what the role of the token allows, and says which one is needed', () => {
  expect(enabled(orphan, 'admin')).toEqual(['start', 'stop', 'forcePrimary', 'resolve']);
  expect(enabled(orphan, 'operator')).toEqual(['start', 'stop']);
  expect(enabled(orphan, 'viewer')).toEqual([]);
  expect(allowedActions(orphan, 'operator').find(({ name }) => name === 'forcePrimary')).toEqual({
    name: 'forcePrimary',
    enabled: false,
    makesSense: true,
    hint: 'Needs a token of the role admin; yours has the role operator.',
    hosts: [],
  });
});

it('says first what is in the way for everybody', () => {
  const hintOf = (role: Role | null) =>
    allowedActions(moduleStatus('web'), role).find(({ name }) => name === 'forcePrimary')?.hint;
  expect(hintOf('operator')).toBe('alpha serves the mirror: there is nothing to force.');
  expect(hintOf(null)).toBe('Not connected to the cluster.');
  expect(missingRole('module.repair', null)).toBeNull();
  expect(missingRole('module.repair', 'operator')).toMatch(/role admin/);
  expect(missingRole('module.repair', 'admin')).toBeNull();
});
