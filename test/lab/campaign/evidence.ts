import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { repositoryRoot } from '../harness/paths.ts';
import { pair } from '../harness/labCluster.ts';
import { run } from '../harness/run.ts';
import { campaignModules } from './modules.ts';
import type { Site } from './site.ts';

/** Keeps everything that tells of a failed step; returns the folder. */
export async function keepEvidence(name: string, wrong: readonly string[], site: Site | null): Promise<string> {
  const folder = path.join(repositoryRoot, 'test/artifacts/campaign', name);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'wrong.txt'), `${wrong.join('\n')}\n`);
  if (site === null) return folder;
  const { view, lab } = site.cluster;
  const log = view.log.map(({ time, host, code, message }) => `${time} ${host} ${code}: ${message}`);
  await writeFile(path.join(folder, 'cluster.txt'), `${view.describe()}\n\n${log.join('\n')}\n`);
  for (const host of lab.hosts) {
    await writeFile(path.join(folder, `${host.name}.agent.log`), host.agentLog());
    if (!host.isOn) continue;
    const { stdout } = await host.exec(['ps', 'axwwo', 'pid,ppid,stat,etime,args']);
    await writeFile(path.join(folder, `${host.name}.processes.txt`), stdout);
  }
  for (const module of campaignModules) {
    for (const host of pair.map((each) => site.host(each))) {
      const file = path.join(folder, `${host.name}.${module.name}`);
      await copyFile(host.outside(module.serial), `${file}.console.log`).catch(() => undefined);
      if (!host.isOn) continue;
      const image = path.join(host.throughRoot(module.directory), 'disk.raw');
      await run(['cp', '--sparse=always', image, `${file}.disk.raw`]).catch(() => undefined);
    }
  }
  return folder;
}
