import { refuse, resultOf } from '../refusals.ts';
import type { MethodHandlers } from './method.ts';

/** Bytes per second. */

export const moduleMethods: MethodHandlers<
  | 'module.start'
  | 'module.stop'
  | 'module.switchover'
  | 'module.forcePrimary'
  | 'module.resolve'
  | 'module.verify'
  | 'module.repair'
  | 'module.resync'
  | 'module.maintenance'
> = {
  'module.start': async ({ module, anyway = false }, { facade, actor }) =>
    resultOf(await facade.start(module, anyway, actor)),

  'module.stop': async ({ module }, { facade, actor }) => resultOf(await facade.stop(module, actor)),

  'module.switchover': async ({ module, to }, { facade, actor }) =>
    resultOf(await facade.switchover(module, to ?? null, actor)),

  'module.forcePrimary': async ({ module, host, confirm }, { facade, actor }) => {
    if (confirm !== module) {
      throw refuse(
        'CONFIRMATION',
        `Forcing a primary may lose writes that only the other replica has: confirm it by typing the module's name, ${module}.`,
        { expected: module },
      );
    }
    return resultOf(await facade.forcePrimary(module, host, actor));
  },

  'module.resolve': async ({ module, keep, confirm }, { facade, actor }) => {
    if (confirm !== module) {
      throw refuse(
        'CONFIRMATION',
        `The history of the other host is put aside and its replica overwritten: confirm it by typing the module's name, ${module}.`,
        { expected: module },
      );
    }
    return resultOf(await facade.resolve(module, keep, actor));
  },

  'module.verify': async ({ module, bandwidth, stop = false }, { facade, actor }) =>
    resultOf(await (stop ? facade.stopVerify(module, actor) : facade.verify(module, bandwidth, actor))),

  'module.resync': async ({ module, action, bandwidth, confirm }, { facade, actor }) => {
    if (action === 'resume') return resultOf(await facade.resumeResync(module, bandwidth, actor));
    if (action === 'pause') {
      if (confirm !== module) {
        throw refuse(
          'CONFIRMATION',
          `While its resync is paused ${module} has no second replica: confirm it by typing the module's name, ${module}.`,
          { expected: module },
        );
      }
      return resultOf(await facade.pauseResync(module, actor));
    }
    if (bandwidth === undefined) {
      throw refuse('BAD_REQUEST', 'module.resync needs an action or a bandwidth: there is nothing to do without.');
    }
    return resultOf(await facade.paceResync(module, bandwidth, actor));
  },

  'module.maintenance': async ({ module, forSeconds, reason, end = false }, { facade, actor }) => {
    if (end === (forSeconds !== undefined) || (end && reason !== undefined)) {
      throw refuse('BAD_REQUEST', 'module.maintenance needs either forSeconds, perhaps with a reason, or end.');
    }
    return resultOf(
      await (forSeconds === undefined
        ? facade.endMaintenance(module, actor)
        : facade.beginMaintenance(module, forSeconds * 1000, reason ?? null, actor)),
    );
  },

  'module.repair': async ({ module, verifiedAt, confirm }, { facade, actor }) => {
    if (confirm !== module) {
      throw refuse(
        'CONFIRMATION',
        `The secondary's replica is overwritten where it differs from the primary's: confirm it by typing the module's name, ${module}.`,
        { expected: module },
      );
    }
    return resultOf(await facade.repair(module, verifiedAt, actor));
  },
};
