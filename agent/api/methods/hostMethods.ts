import { resultOf } from '../refusals.ts';
import type { MethodHandlers } from './method.ts';

export const hostMethods: MethodHandlers<'host.drain' | 'host.undrain' | 'host.fence' | 'host.testFence'> = {
  'host.drain': async ({ host }, { facade, actor }) => resultOf(await facade.drain(host, actor)),

  'host.undrain': async ({ host }, { facade, actor }) => resultOf(await facade.undrain(host, actor)),

  'host.fence': async ({ host, confirm }, { facade, actor }) => resultOf(await facade.fence(host, confirm, actor)),

  'host.testFence': async ({ host }, { facade, actor }) => resultOf(await facade.testFence(host, actor)),
};
