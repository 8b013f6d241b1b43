import type { MethodHandlers } from './method.ts';

const defaultLimit = 200;

export const logMethods: MethodHandlers<'log.read'> = {
  'log.read': ({ module, limit }, { facade }) => ({
    entries: [...facade.readLog({ ...(module === undefined ? {} : { module }), limit: limit ?? defaultLimit })],
  }),
};
