import { setTimeout as delay } from 'node:timers/promises';
import type { HostName } from '../harness/lab.ts';
import { campaignModules, type ModuleName } from './modules.ts';
import type { Site } from './site.ts';

/** Within it who looks from outside has to see both modules, milliseconds. Neighbours that still look elsewhere for an address need some of it. */
const watchedLimitMs = 60_000;

/** What is known of a module that is whole. */
export interface WatchedModule {
  readonly name: ModuleName;
  /** By its agent. */
  readonly primary: HostName | null;
  /** By the processes of the hosts. */
  readonly runsOn: HostName | null;
  /** How often it answered the network. */
  readonly answers: number;
}

/** What those who look from outside do not see of it, one line each: they would not see a second server either. */
export function whatIsNotSeen({ name, primary, runsOn, answers }: WatchedModule): readonly string[] {
  return [
    ...(runsOn === primary
      ? []
      : [`${name} runs on ${primary ?? 'no host'}, and its process is on ${runsOn ?? 'none'}`]),
    ...(answers > 0 ? [] : [`${name} runs, and does not answer the network`]),
  ];
}

/** For modules that are whole: waits until everybody who looks from outside has seen both. Rejects with what is not seen. */
export async function untilWatched(site: Site): Promise<void> {
  const before = new Map(campaignModules.map(({ name }) => [name, site.answers.answersOf(name)]));
  for (const end = performance.now() + watchedLimitMs; ; await delay(50)) {
    const unseen = campaignModules.flatMap(({ name }) =>
      whatIsNotSeen({
        name,
        primary: site.primaryOf(name),
        runsOn: site.watch.hostOf(name),
        answers: site.answers.answersOf(name) - (before.get(name) ?? 0),
      }),
    );
    if (unseen.length === 0) return;
    if (performance.now() > end) throw new Error(unseen.join('; '));
  }
}
