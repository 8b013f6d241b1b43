import path from 'node:path';
import { compareTrees } from '../guest/compareTrees.ts';
import { checkRecords } from '../guest/records.ts';
import { pair } from '../harness/labCluster.ts';
import type { GuestModule } from '../harness/webModule.ts';
import { bootsThatMissRecords } from './bootOrder.ts';
import { campaignModules, type ModuleName } from './modules.ts';
import type { Site } from './site.ts';
import { untilWhole } from './whole.ts';

/** What is wrong, and how many records are gone. */
export interface Findings {
  readonly wrong: readonly string[];
  readonly lost: number;
}

/** A verify ends without a result when the pair breaks meanwhile, as a loaded machine can have it. */
const verifyTries = 3;
const verifyLimitMs = 120_000;

/** Both modules while they run: every boot found what was reported before it, and a verify finds both replicas equal. */
export async function checkRunning(site: Site): Promise<Findings> {
  const wrong: string[] = [];
  for (const module of campaignModules) {
    wrong.push(...(await missed(site, module)));
    const difference = await verify(site, module.name);
    if (difference !== null) wrong.push(`${module.name}: ${difference}`);
  }
  return { wrong, lost: 0 };
}

/** Both modules when they are stopped: each reported record is on both replicas in its place, once, and these are equal byte by byte. */
export async function checkStopped(site: Site): Promise<Findings> {
  const wrong: string[] = [];
  let lost = 0;
  for (const module of campaignModules) {
    wrong.push(...(await missed(site, module)));
    const consoles = pair.map((name) => site.host(name).outside(module.serial));
    const replicas = pair.map((name) => site.host(name).throughRoot(module.directory));
    for (const [index, replica] of replicas.entries()) {
      const verdict = await checkRecords(path.join(replica, 'disk.raw'), consoles);
      const where = `${module.name} on ${pair[index] ?? ''}`;
      lost += verdict.lost.length;
      if (verdict.lost.length > 0) wrong.push(`${where}: lost ${verdict.lost.slice(0, 5).join(', ')}`);
      if (verdict.firstOutOfOrder !== null) wrong.push(`${where}: line ${verdict.firstOutOfOrder} is another record`);
    }
    const [one = '', other = ''] = replicas;
    wrong.push(...(await compareTrees(one, other)).map((difference) => `${module.name}: ${difference}`));
  }
  return { wrong, lost };
}

async function missed(site: Site, module: GuestModule): Promise<readonly string[]> {
  return bootsThatMissRecords(await site.consoles(module)).map((line) => `${module.name}: ${line}`);
}

/** Null when both replicas are equal. */
async function verify(site: Site, module: ModuleName): Promise<string | null> {
  const { view } = site.cluster;
  let reason = '';
  for (let attempt = 0; attempt < verifyTries; attempt += 1) {
    const primary = site.primaryOf(module) ?? 'alpha';
    const last = (): string => view.module(primary, module)?.lastVerify?.at ?? '';
    const before = last();
    reason = await site.ask(primary, 'module.verify', { module, bandwidth: null });
    if (reason === 'done') {
      await view.waitFor(`the verify of ${module} has ended`, () => last() !== before, verifyLimitMs);
      const result = view.module(primary, module)?.lastVerify;
      if (result?.outcome === 'complete') {
        const names = result.differences.map(({ path: name, detail }) => `${name} ${detail}`).join(', ');
        return result.total === 0 ? null : `a verify found ${result.total} differences: ${names}`;
      }
      reason = result?.reason ?? 'no result';
    }
    await untilWhole(site);
  }
  return `no verify was completed in ${verifyTries} attempts: ${reason}`;
}
