import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { manyModulesCluster, manyModulesModule } from '../../support/manyModules.ts';
import { buildExtension } from '../../ui/buildExtension.ts';
import { startVscode } from '../../ui/vscodeHost.ts';
import { openBrowser, Workbench } from '../../ui/workbench.ts';
import type { Benchmark } from '../benchmark.ts';
import { parseOptions, wholeNumber } from '../options.ts';
import { median } from '../statistics.ts';
import { activationTimesIn } from './activationTimes.ts';
import type { ActivationTimes } from './activationTimes.ts';

const extension = 'understudy.understudy';
/** What the product promises, milliseconds. */
const wantedMs = 150;

/** What a person does first; both activate the extension. */
const triggers = {
  view: async (workbench: Workbench): Promise<void> => {
    await workbench.show('Understudy');
    await workbench.line(/^site/).waitFor();
  },
  file: async (workbench: Workbench): Promise<void> => {
    await workbench.openFile('m1.module.jsonc');
    await workbench.page.locator('.squiggly-error').first().waitFor();
  },
} as const;
type Trigger = keyof typeof triggers;

/** `npm run bench -- activation [--json] [--windows N]` */
export const activation: Benchmark = {
  async run({ args, say }) {
    const windows = wholeNumber('windows', parseOptions(args, ['windows']).windows, 10);
    const measured: Record<Trigger, ActivationTimes[]> = { view: [], file: [] };
    const folder = await mkdtemp(join(tmpdir(), 'understudy-activation-'));
    let vscode: Awaited<ReturnType<typeof startVscode>> | null = null;
    let browser: Browser | null = null;
    try {
      const workspace = await writeWorkspace(folder);
      const env = { UNDERSTUDY_CLUSTER_FILE: await writeClusters(folder) };
      vscode = await startVscode({ workspace, extensionVsix: await buildExtension(), env, log: say });
      browser = await openBrowser();
      for (let window = 1; window <= windows; window++) {
        for (const trigger of Object.keys(triggers) as Trigger[]) {
          const times = await measureWindow(browser, vscode.url, trigger);
          measured[trigger].push(times);
          say(`window ${window} of ${windows}, by the ${trigger}: ${activationMs(times)} ms`);
        }
      }
    } finally {
      await browser?.close();
      await vscode?.stop();
      await rm(folder, { recursive: true, force: true });
    }
    return report(windows, measured);
  },
};

/** Each window has an extension host of its own, a new process: nothing of the extension is loaded there. */
async function measureWindow(browser: Browser, url: string, trigger: Trigger): Promise<ActivationTimes> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 6000 } });
  try {
    const workbench = new Workbench(await context.newPage());
    await workbench.open(url);
    await triggers[trigger](workbench);
    return await activationTimesIn(workbench, extension);
  } finally {
    await context.close();
  }
}

async function writeWorkspace(folder: string): Promise<string> {
  const workspace = join(folder, 'workspace');
  await mkdir(join(workspace, 'modules'), { recursive: true });
  const text = (value: object): string => JSON.stringify(value, null, 2);
  const module = text(manyModulesModule(1)).replace('directories', 'directorys');
  await writeFile(join(workspace, 'site.cluster.jsonc'), text(manyModulesCluster));
  await writeFile(join(workspace, 'modules/m1.module.jsonc'), module);
  return workspace;
}

/** A cluster that is known to the editor, and cannot be reached. */
async function writeClusters(folder: string): Promise<string> {
  const file = join(folder, 'clusters.json');
  const cluster = { name: 'site', addresses: ['127.0.0.1:9'], fingerprint: '00'.repeat(32) };
  await writeFile(file, JSON.stringify(cluster));
  return file;
}

/** What VS Code shows as the time of activation. */
function activationMs({ loadMs, callMs }: ActivationTimes): number {
  return loadMs + callMs;
}

function report(windows: number, measured: Readonly<Record<Trigger, readonly ActivationTimes[]>>) {
  const rows = Object.entries(measured).map(([trigger, times]) => {
    const of = (value: (each: ActivationTimes) => number): number => median(times.map(value));
    const all = times.map(activationMs);
    return {
      trigger,
      activationMs: { median: median(all), max: Math.max(...all) },
      loadMs: of(({ loadMs }) => loadMs),
      callMs: of(({ callMs }) => callMs),
      finishMs: of(({ finishMs }) => finishMs),
    };
  });
  const heads = ['load', 'activate', 'both', 'max', 'wanted', 'finish'];
  const line = (first: string, cells: readonly (string | number)[]): string =>
    `${first.padEnd(8)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
  const table = [
    `Activation by VS Code's own report, ms: medians of ${windows} windows each`,
    line('by', heads),
    ...rows.map(({ trigger, activationMs: { median: both, max }, loadMs, callMs, finishMs }) =>
      line(trigger, [loadMs, callMs, both, max, `≤ ${wantedMs}`, finishMs]),
    ),
  ].join('\n');
  const worst = Math.max(...rows.map((row) => row.activationMs.median));
  return { table, result: { windows, activationMs: worst, rows } };
}
