import type { Role, RoleState } from './types.ts';

export function roleState(role: Role): RoleState {
  return role.at === 'primary' ? `primary.${role.link.kind}` : role.at;
}
