import { refuse, resultOf } from '../refusals.ts';
import type { MethodHandlers } from './method.ts';

export const configurationMethods: MethodHandlers<
  'configuration.apply' | 'configuration.restore' | 'configuration.versions' | 'configuration.read'
> = {
  'configuration.apply': ({ files, dryRun = false, note, base }, { facade, actor }) =>
    facade.applyFiles(files, { note: note ?? null, dryRun, base: base ?? null }, actor),

  'configuration.restore': async ({ number, files, dryRun = false, confirm, base }, { facade, actor }) => {
    if (!dryRun && confirm !== number) {
      throw refuse(
        'CONFIRMATION',
        `All hosts will run by what version ${String(number)} held: confirm it by giving its number, ${String(number)}.`,
        { expected: number },
      );
    }
    return resultOf(await facade.restoreFiles(number, files ?? null, { dryRun, base: base ?? null }, actor));
  },

  'configuration.versions': ({ file }, { facade }) => ({
    versions: facade.versions().filter(({ changed }) => file === undefined || changed.includes(file)),
  }),

  'configuration.read': ({ number }, { facade }) => {
    const version = facade.version(number);
    if (version === null) throw refuse('BAD_REQUEST', `version ${String(number)} is not kept on ${facade.host}`);
    return version;
  },
};
