import { setTimeout as delay } from 'node:timers/promises';
import type { GuestModule } from '../harness/webModule.ts';
import { otherOf, pair, type PairName } from '../harness/labCluster.ts';
import { campaignModules, type ModuleName } from './modules.ts';
import type { Site } from './site.ts';

/** Both hosts have to be whole again within it once every fault has ended, milliseconds. */
export const wholeLimitMs = 120_000;
/** So many records more show that the guest works. */
const records = 5;

/** Primary here, secondary there, both ready, in sync by the arbiter's record, no disk in doubt, and the server runs. */
export function isWholeOn(site: Site, module: ModuleName, primary: PairName): boolean {
  const { view } = site.cluster;
  const [one, other] = [view.replica(primary, module), view.replica(otherOf(primary), module)];
  return (
    one?.state === 'PRIM' &&
    one.transition === null &&
    one.server.state === 'running' &&
    other?.state === 'SECOND' &&
    other.transition === null &&
    !one.diskError &&
    !other.diskError &&
    view.module(primary, module)?.inSync.length === 2
  );
}

export function isWhole(site: Site): boolean {
  return campaignModules.every(({ name }) => pair.some((host) => isWholeOn(site, name, host)));
}

/** Waits until both modules are whole and both guests write. Rejects with what everybody said last. */
export async function untilWhole(site: Site, limitMs = wholeLimitMs): Promise<void> {
  const end = performance.now() + limitMs;
  const left = (): number => Math.max(1, end - performance.now());
  await startAll(site, left());
  await site.cluster.waitForAgents(undefined, left());
  const before = new Map<string, number>();
  for (const module of campaignModules) before.set(module.name, await site.lastRecord(module));
  for (;;) {
    await site.cluster.view.waitFor('both modules are whole', () => isWhole(site), left());
    // What was whole when it was asked may be so because nobody has noticed yet.
    if ((await Promise.all(campaignModules.map((module) => hasWritten(site, module, before)))).every(Boolean)) {
      if (isWhole(site)) return;
    }
    if (left() === 1) throw new Error(`The guests write no records.\n${site.cluster.view.describe()}`);
    await delay(100);
  }
}

async function hasWritten(site: Site, module: GuestModule, before: ReadonlyMap<string, number>): Promise<boolean> {
  return (await site.lastRecord(module)) >= (before.get(module.name) ?? 0) + records;
}

/** An operator's stop may have been the last word. */
async function startAll(site: Site, limitMs: number): Promise<void> {
  const { view } = site.cluster;
  await view.waitFor('the agents answer', () => pair.every((host) => view.snapshot(host) !== null), limitMs);
  for (const { name } of campaignModules) {
    const isWanted = (): boolean => pair.some((host) => view.module(host, name)?.desired === 'started');
    if (isWanted()) continue;
    for (const host of pair) {
      if ((await site.ask(host, 'module.start', { module: name })) === 'done') break;
    }
    await view.waitFor(`${name} is wanted`, isWanted, limitMs);
  }
}

export async function stopAll(site: Site): Promise<void> {
  const { view } = site.cluster;
  const answers = await Promise.all(
    campaignModules.map(({ name }) => site.ask(site.primaryOf(name) ?? 'alpha', 'module.stop', { module: name })),
  );
  const isStopped = (): boolean =>
    campaignModules.every(({ name }) => pair.every((host) => view.replica(host, name)?.state === 'STOP'));
  await view.waitFor(`both modules are stopped (the agents answered: ${answers.join('; ')})`, isStopped);
}
