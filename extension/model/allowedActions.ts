import { apiMethods, isRoleEnough } from '../../schemas/apiMethods.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { ModuleStatus, Role } from '../../schemas/generated/api.ts';
import type { ActionFacts, ActionName } from '../../schemas/panel.ts';
import { actionFacts } from './actionFacts.ts';

/** What each action calls. */
export const methodOf: Readonly<Record<ActionName, ApiMethod>> = {
  start: 'module.start',
  stop: 'module.stop',
  switchover: 'module.switchover',
  forcePrimary: 'module.forcePrimary',
  resolve: 'module.resolve',
  verify: 'module.verify',
  stopVerify: 'module.verify',
  repair: 'module.repair',
  pauseResync: 'module.resync',
  resumeResync: 'module.resync',
  paceResync: 'module.resync',
};

/** What can be done with a module now by whoever has a token of this role. @param role null: not connected */
export function allowedActions(module: ModuleStatus, role: Role | null): ActionFacts[] {
  return actionFacts(module, role !== null).map((facts) => {
    const missing = missingRole(methodOf[facts.name], role);
    return facts.enabled && missing !== null ? { ...facts, enabled: false, hint: missing, hosts: [] } : facts;
  });
}

/** Says that a method needs a token of another role; null: this one is enough, or there is no connection. */
export function missingRole(method: ApiMethod, role: Role | null): string | null {
  const { role: least } = apiMethods[method];
  if (role === null || isRoleEnough(role, least)) return null;
  return `Needs a token of the role ${least}; yours has the role ${role}.`;
}
