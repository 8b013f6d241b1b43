import { resultOf } from '../refusals.ts';
import type { MethodHandlers } from './method.ts';

export const agentMethods: MethodHandlers<'agent.upgrade'> = {
  'agent.upgrade': async ({ onlyLook = false }, { facade, actor }) => resultOf(await facade.upgrade(onlyLook, actor)),
};
