import { pair } from '../harness/labCluster.ts';
import { campaignModules, type ModuleName } from './modules.ts';
import { isWholeOn } from './whole.ts';
import type { Site } from './site.ts';

/** Where a module's server runs, and each start of one that there has been, by the id that it drew for itself. */
export interface Running {
  readonly module: ModuleName;
  readonly host: string | null;
  readonly starts: readonly string[];
}

export function runningNow(site: Site): Promise<readonly Running[]> {
  return Promise.all(
    campaignModules.map(async (module) => {
      const consoles = await site.consoles(module);
      const starts = consoles.flatMap(({ boots }) => boots.map(({ id }) => id));
      return { module: module.name, host: pair.find((host) => isWholeOn(site, module.name, host)) ?? null, starts };
    }),
  );
}

/** For faults that have no server moved or started: which one was, one line each. */
export function whatMoved(before: readonly Running[], after: readonly Running[]): readonly string[] {
  return after.flatMap(({ module, host, starts }) => {
    const was = before.find((each) => each.module === module);
    const isNew = starts.some((id) => was?.starts.includes(id) !== true);
    if (was?.host === host && !isNew) return [];
    return [
      `${module} was to stay on ${was?.host ?? 'no host'}, and ${isNew ? 'was started anew' : 'is'} on ${host ?? 'none'}`,
    ];
  });
}
