import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { fetchCertificates, pinFor } from '../../extension/client/certificates.ts';
import { noArbiterWarnings } from '../../schemas/arbiter.ts';
import { StoryCluster } from '../support/storyCluster.ts';
import { expectAccessible } from './axe.ts';
import { buildExtension } from './buildExtension.ts';
import { storySteps } from './storySteps.ts';
import { openWalkthrough, tickedSteps } from './walkthrough.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

const cluster = `{
  "name": "site",
  "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "10.77.0.1" }, "beta": { "lan": "10.77.0.2" }, "gamma": { "lan": "10.77.0.3" } },
  "arbiter": { "witness": "gamma" }
}
`;
const misspelt = `{
  // the web server
  "name": "web",
  "hosts": ["alpha", "beta"],
  "mirror": { "directorys": ["/srv/vm/web"] },
  "server": { "qemu": { "memory": "512MiB", "disks": [{ "file": "disk.raw" }] } }
}
`;

let story: StoryCluster;
let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  await mkdir(join(workspace, 'modules'));
  await writeFile(join(workspace, 'site.cluster.jsonc'), cluster);
  await writeFile(join(workspace, 'modules/web.module.jsonc'), misspelt);
  story = await StoryCluster.start();
  vscode = await startVscode({ workspace, extensionVsix: await buildExtension() });
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  workbench = new Workbench(await context.newPage());
  await workbench.open(vscode.url);
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  await story?.close();
  await rm(workspace, { recursive: true, force: true });
});

const step = storySteps(() => workbench);

// One window, one story: each step begins where the one before has ended.
describe('the extension in VS Code', () => {
  step('welcomes a person who has no cluster yet, and has its commands in the palette before that', async () => {
    await workbench.page.locator('.part.activitybar').getByRole('tab', { name: 'Understudy' }).waitFor();
    await workbench.run('Understudy: Switch Over…');
    await workbench.notification('No cluster is known to this editor: add one first.').waitFor();
    await workbench.clearNotifications();
    await workbench.show('Understudy');
    await workbench.sideBar.getByRole('button', { name: 'Add Cluster', exact: true }).waitFor();
    await workbench.screenshot('welcome');
  });

  step('adds a cluster after showing its fingerprint, and keeps the token secret', async () => {
    const pin = pinFor(await fetchCertificates({ host: '127.0.0.1', port: story.port }));
    await workbench.sideBar.getByRole('button', { name: 'Add Cluster', exact: true }).click();
    await workbench.enter('address', story.addressOf('alpha'));
    await workbench.dialog.waitFor();
    const shown = (await workbench.dialog.innerText()).replaceAll(/\s+/g, ':');
    expect(shown).toContain(pin.sha256);
    await workbench.screenshot('trust');
    await workbench.answer('Trust');
    await workbench.enter('token', 'x'.repeat(40));
    await workbench.enter('not taken', story.token);
    await workbench.line(/^site, 3 of 3 hosts/).waitFor();
    const { stdout } = await promisify(execFile)('grep', ['-rlF', story.token, vscode.runDirectory]).catch(() => ({
      stdout: '',
    }));
    expect(stdout).toBe('');
  });

  step('shows cluster, modules and hosts with their states in words', async () => {
    await workbench.line(/^web, STOP/).waitFor();
    await workbench.line(/^db, PRIM on beta, in sync/).waitFor();
    await workbench.line(/^beta, PRIM · server running/).waitFor();
    await workbench.line(/^alpha, SECOND in sync/).waitFor();
    await workbench.line(/^gamma, witness · reachable/).waitFor();
  });

  step('starts a module after a confirmation that names it', async () => {
    await workbench.inline(workbench.line(/^web,/), /Start Module/);
    await workbench.dialog.getByText('Start module web of cluster site?').waitFor();
    await workbench.answer('Start');
    await workbench.line(/^web, PRIM on alpha, in sync/).waitFor();
    await workbench.notification('web: starting done').waitFor();
    await workbench.clearNotifications();
  });

  step('does nothing when the person cancels', async () => {
    await workbench.contextMenu(workbench.line(/^web,/), /Stop Module/);
    await workbench.dialog.getByText('Stop module web of cluster site?').waitFor();
    await workbench.answer('Cancel');
    await workbench.line(/^web, PRIM on alpha, in sync/).waitFor();
    expect(story.entries.some(({ code }) => code === 'STOPPING')).toBe(false);
  });

  step('shows the module in a panel: hosts, direction, numbers and events', async () => {
    await workbench.inline(workbench.line(/^web,/), /Open Module Panel/);
    const { panel } = workbench;
    await panel.getByRole('heading', { name: 'web', exact: true }).waitFor();
    await panel.getByRole('img', { name: 'alpha to beta: in sync' }).waitFor();
    for (let second = 0; second < 8; second++) {
      story.traffic('web', second);
      // Samples closer together than this are one to the plot.
      await new Promise((resolve) => setTimeout(resolve, 450));
    }
    await panel
      .locator('.metric', { hasText: 'Throughput' })
      .getByText(/MiB\/s$/)
      .waitFor();
    expect(await panel.locator('.metric canvas').count()).toBe(2);
    await panel.getByRole('cell', { name: 'web: starting done' }).waitFor();
    const filter = panel.getByRole('textbox', { name: 'Filter events' });
    await filter.fill('nothing like this');
    await panel.getByText('No event matches the filter.').waitFor();
    await filter.fill('');
  });

  step('switches over from the panel, and turns the arrow', async () => {
    const { panel } = workbench;
    // By keyboard, as everything else could be.
    await panel.getByRole('button', { name: /^Switch Over/ }).press('Enter');
    await workbench.dialog.getByText('Switch module web of cluster site over to beta?').waitFor();
    await workbench.answer('Switch Over');
    await panel.getByText('web: demoting done', { exact: true }).first().waitFor();
    await panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
  });

  step('tells of a command whose page was hidden meanwhile, and not to the page that comes after', async () => {
    const { panel, page } = workbench;
    let release = (): void => {};
    story.heldUntil = new Promise((resolve) => (release = resolve));
    await panel.getByRole('button', { name: /^Switch Over/ }).press('Enter');
    await workbench.answer('Switch Over');
    await workbench.openFile('site.cluster.jsonc');
    release();
    story.heldUntil = null;
    await workbench.notification('web: demoting done').waitFor();
    await workbench.screenshot('told-of-hidden-page');
    await page.locator('.tab', { hasText: 'Module web' }).click();
    await panel.getByRole('img', { name: 'alpha to beta: in sync' }).waitFor();
    expect(await panel.locator('.outcome').isVisible()).toBe(false);
    story.serveOn('web', 'beta');
    await panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    await workbench.clearNotifications();
  });

  step('shows how the checks of the server stand, a line for each', async () => {
    const since = new Date().toISOString();
    story.change('web', (module) => {
      const primary = module.onHosts.find(({ host }) => host === 'beta');
      if (!primary) return;
      primary.checks = [
        { name: 'tcp 10.0.0.50:80', state: 'failed', since, error: 'connection refused', onFailure: 'report' },
        { name: 'website', state: 'well', since, error: null, onFailure: 'restart' },
      ];
    });
    story.change('web', (module) => {
      const secondary = module.onHosts.find(({ host }) => host === 'alpha');
      if (secondary) secondary.conditions = [{ name: 'ping 10.0.0.254', state: 'failing', since, error: 'no answer' }];
    });
    await workbench.line(/^web, PRIM on beta, check tcp 10\.0\.0\.50:80 failed/).waitFor();
    const checks = workbench.panel.getByRole('region', { name: 'Checks' });
    await checks.getByText(/^failed for \d+ s: connection refused$/).waitFor();
    await checks.getByText(/^well for /).waitFor();
    await checks.getByText('ping 10.0.0.254 on alpha').waitFor();
    await workbench.screenshot('checks');
    await expectAccessible(workbench.panel, 'the panel with checks');
    story.serveOn('web', 'beta');
    await checks.waitFor({ state: 'hidden' });
  });

  step('begins a maintenance after asking how long, and says what does not happen meanwhile', async () => {
    await workbench.contextMenu(workbench.line(/^web,/), /Begin Maintenance/);
    await workbench.enter('How long', 'a while');
    await workbench.page.locator('.quick-input-message').getByText('Expected a duration').waitFor();
    await workbench.enter('Maintenance of web', '30m');
    await workbench.enter('What for', 'new disks');
    await workbench.dialog.getByText('Begin the maintenance of module web of cluster site?').waitFor();
    await workbench.dialog.getByText(/For 30m web is neither restarted nor taken over by itself/).waitFor();
    await workbench.screenshot('maintenance-question');
    await workbench.answer('Begin Maintenance');
    await workbench.line(/^web, PRIM on beta, in sync · maintenance/).waitFor();
    await workbench.panel.getByText(/^In maintenance until .* left.*new disks/).waitFor();
    await workbench.screenshot('maintenance');
    await workbench.contextMenu(workbench.line(/^web,/), /End Maintenance/);
    await workbench.panel.getByText(/^In maintenance until/).waitFor({ state: 'hidden' });
    await workbench.clearNotifications();
  });

  step('drains a host after a question that names what moves, and undrains it', async () => {
    await workbench.contextMenu(workbench.line(/^beta, PRIM/).first(), /Drain Host/);
    await workbench.dialog.getByText('Drain host beta of cluster site?').waitFor();
    await workbench.dialog.getByText(/shut down on beta and started on their other hosts: .*web/).waitFor();
    await workbench.screenshot('drain');
    await workbench.answer('Drain');
    await workbench.line(/^web, PRIM on alpha, in sync/).waitFor();
    await workbench
      .line(/^beta, SECOND .* drained/)
      .first()
      .waitFor();
    await workbench.contextMenu(workbench.line(/^beta, SECOND .* drained/).first(), /Undrain Host/);
    await workbench
      .line(/^beta, SECOND .* drained/)
      .first()
      .waitFor({ state: 'detached' });
    story.serveOn('web', 'beta');
    story.serveOn('db', 'beta');
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
    await workbench.clearNotifications();
  });

  step(
    'starts what is held back for other modules after a question that says why, and shows what the host carries',
    async () => {
      const room = 'alpha has no room for web: 2 processors needed, 1 of 4 free';
      story.loads.set('alpha', { cpu: 3, memory: 6_442_450_944, cpuCapacity: 4, memoryCapacity: 17_179_869_184 });
      story.change('web', (module) => {
        module.primary = null;
        for (const replica of module.onHosts) {
          replica.state = 'WAIT';
          replica.traffic = null;
          if (replica.host !== 'alpha') continue;
          replica.reason = room;
          replica.heldBack = room;
        }
      });
      await workbench.panel.getByText('3 of 4 processors, 6 GiB of 16 GiB memory').waitFor();
      await workbench.contextMenu(workbench.line(/^web, WAIT/), /Start Module/);
      await workbench.dialog.getByText('Start module web of cluster site all the same?').waitFor();
      await workbench.dialog.getByText(`alpha holds it back: ${room}`).waitFor();
      await workbench.screenshot('start-anyway');
      story.loads.set('alpha', { cpu: 5, memory: 6_442_450_944, cpuCapacity: 4, memoryCapacity: 17_179_869_184 });
      await workbench.answer('Start Anyway');
      await workbench.line(/^web, PRIM on alpha, in sync/).waitFor();
      await workbench.panel.getByText('5 of 4 processors, 6 GiB of 16 GiB memory (more than it has)').waitFor();
      await workbench.screenshot('overloaded');
      story.loads.clear();
      story.serveOn('web', 'beta');
      await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
      await workbench.clearNotifications();
    },
  );

  step('makes one item of the status bar of what is wrong', async () => {
    const item = workbench.page.locator('[id="understudy.understudy.understudy.status"], [id$="understudy.status"]');
    expect(await item.count()).toBe(0);
    story.change('web', (module) => {
      module.inSync = ['beta'];
      module.warnings = ['Only beta holds the newest writes.'];
      for (const replica of module.onHosts) {
        replica.state = replica.host === 'beta' ? 'ALONE' : 'SECOND';
        replica.known = replica.host === 'beta';
      }
    });
    await item.getByText('web: ALONE on beta, no secondary').waitFor();
    await workbench.panel.getByRole('img', { name: 'beta to alpha: no replication' }).waitFor();
    await workbench.screenshot('alone');
    story.serveOn('web', 'beta');
    await item.waitFor({ state: 'detached' });
  });

  step('tells at a glance of an arbiter that does not answer, and of what a module warns of', async () => {
    const item = workbench.page.locator('[id="understudy.understudy.understudy.status"], [id$="understudy.status"]');
    await workbench.panel.getByText(/automatic failover on/).waitFor();
    story.witnessReachable = false;
    story.change('web', (module) => (module.warnings = ['beta is suspect: late, or slow.']));
    await workbench.line(/^site, 2 of 3 hosts · arbiter not reachable · via/).waitFor();
    await workbench.line(/^web, PRIM on beta, in sync · 1 warning/).waitFor();
    await workbench.line(/^gamma, witness · not reachable/).waitFor();
    await item.getByText('Understudy: 2 problems').waitFor();
    await workbench.panel.getByText(/automatic failover on, but the arbiter does not answer/).waitFor();
    await workbench.screenshot('arbiter-lost');
    story.witnessReachable = true;
    story.change('web', (module) => (module.warnings = []));
    await workbench.line(/^site, 3 of 3 hosts · via \w+$/).waitFor();
    await item.waitFor({ state: 'detached' });
  });

  step(
    'shows on the line of a module and in its panel that there is no arbiter, without calling that a problem',
    async () => {
      const item = workbench.page.locator('[id="understudy.understudy.understudy.status"], [id$="understudy.status"]');
      story.change('web', (module) => (module.warnings = [noArbiterWarnings.manual]));
      await workbench.line(/^web, PRIM on beta, in sync · 1 warning/).waitFor();
      await workbench.panel.getByText(noArbiterWarnings.manual).waitFor();
      expect(await item.count()).toBe(0);
      story.change('web', (module) => (module.warnings = []));
      await workbench.line(/^web, PRIM on beta, in sync$/).waitFor();
    },
  );

  step('forces a primary only after the name of the module was typed', async () => {
    story.change('db', (module) => {
      module.primary = null;
      module.inSync = ['beta'];
      for (const replica of module.onHosts) {
        replica.state = replica.host === 'alpha' ? 'WAIT' : 'STOP';
        replica.known = replica.host === 'alpha';
        replica.traffic = null;
        replica.reason = 'Not in sync, and beta is not reachable.';
      }
    });
    await workbench.contextMenu(workbench.line(/^db, WAIT/), /Force Primary/);
    await workbench.dialog.getByText('Force alpha to be primary of module db of cluster site?').waitFor();
    await workbench.screenshot('force-primary');
    await workbench.answer('Continue…');
    await workbench.enter('Force alpha', 'bd');
    await workbench.page.locator('.quick-input-message').getByText('This is not "db".').waitFor();
    expect(story.entries.some(({ code }) => code === 'PROMOTING')).toBe(false);
    await workbench.enter('Force alpha', 'db');
    await workbench.line(/^db, ALONE on alpha/).waitFor();
    await workbench.clearNotifications();
  });

  step('shows what the language server finds, and mends it', async () => {
    await workbench.openFile('web.module.jsonc');
    await workbench.page.locator('.squiggly-error').first().waitFor();
    await workbench.page.keyboard.press('Control+Shift+M');
    const problem = workbench.page.locator(
      '.markers-panel-container .monaco-list-row, .markers-panel .monaco-list-row',
    );
    await problem.filter({ hasText: 'directorys' }).first().waitFor();
    await workbench.screenshot('diagnostic');
    await workbench.page.locator('.view-line', { hasText: 'directorys' }).click();
    await workbench.run('Auto Fix...');
    await workbench.page.locator('.view-line', { hasText: '"directories"' }).waitFor();
    await workbench.page.locator('.squiggly-error').waitFor({ state: 'detached' });
    await workbench.page.keyboard.press('Control+Shift+M');
  });

  step('applies the file in the editor to all hosts, and compares and restores its versions', async () => {
    const pick = (text: string) =>
      workbench.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text }).first().click();
    await workbench.run('Understudy: Apply to Cluster…');
    await workbench.dialog.getByText('Apply web.module.jsonc to all hosts of cluster site?').waitFor();
    await workbench.dialog.getByText(/checks takes effect at once/).waitFor();
    await workbench.screenshot('apply');
    await workbench.answer('Apply');
    await workbench.notification(/version 1 is applied on alpha, beta/).waitFor();
    await workbench.clearNotifications();
    await workbench.run('Understudy: Compare File Versions…');
    await pick('Version 0');
    await workbench.page.locator('.tab', { hasText: 'web.module.jsonc (version 0 ↔ 1)' }).waitFor();
    await workbench.page.locator('.monaco-diff-editor').first().waitFor();
    await workbench.screenshot('versions');
    await workbench.run('View: Close Editor');
    await workbench.run('Understudy: Restore File Version…');
    await pick('Version 0');
    await pick('web.module.jsonc');
    await workbench.dialog.getByText('Restore web.module.jsonc of cluster site to version 0?').waitFor();
    await workbench.answer('Restore');
    await workbench.notification(/version 2 is applied on alpha, beta/).waitFor();
    await workbench.clearNotifications();
    story.files.problems = [
      { host: 'beta', file: 'web.module.jsonc', line: 5, column: 3, severity: 'error', message: 'no such directory' },
    ];
    await workbench.openFile('web.module.jsonc');
    await workbench.run('Understudy: Apply to Cluster…');
    await workbench.notification(/not applied on any host.*beta: web.module.jsonc:5: no such directory/).waitFor();
    story.files.problems = [];
    await workbench.clearNotifications();
  });

  step('ticks the steps of the walkthrough for what was achieved, the last one when a failover is seen', async () => {
    await openWalkthrough(workbench);
    await expect.poll(() => tickedSteps(workbench)).toEqual(['cluster', 'module', 'apply', 'run', 'switchover']);
    story.change('web', (module) => {
      module.epoch += 1;
      module.lastFailover = {
        ...{ kind: 'failover', at: new Date().toISOString(), from: 'alpha', to: 'beta' },
        ...{ cause: 'alpha has been silent for 3 s', durationMs: 3400, epoch: module.epoch },
      };
    });
    await workbench.notification('web of cluster site failed over to beta in 3.4 s').waitFor();
    await expect
      .poll(() => tickedSteps(workbench))
      .toEqual(['cluster', 'module', 'apply', 'run', 'switchover', 'failover']);
    await workbench.screenshot('walkthrough-done');
    await workbench.run('View: Close Editor');
  });

  step('is quiet while no agent can be reached, and recovers by itself', async () => {
    await workbench.clearNotifications();
    await workbench.page.locator('.tab', { hasText: 'Module web' }).click();
    const now = workbench.panel.locator('.metric', { hasText: 'Throughput' }).locator('.value');
    const writes = workbench.panel.locator('.figure', { hasText: 'Writes per second' });
    await now.getByText(/MiB\/s$/).waitFor();
    await story.stopAgent('alpha');
    await story.stopAgent('beta');
    await workbench.line(/^site, unreachable · as of/).waitFor();
    await workbench.line(/^web, last known: PRIM/).waitFor();
    await now.getByText('–', { exact: true }).waitFor();
    await writes.getByText('–', { exact: true }).waitFor();
    await workbench.panel.getByRole('img', { name: 'beta to alpha: last known: in sync' }).waitFor();
    const reconnect = workbench.panel.getByRole('button', { name: /^Reconnect Now/ });
    await reconnect.waitFor();
    await workbench.screenshot('unreachable');
    await expectAccessible(workbench.panel, 'the panel of a module that is out of reach');
    expect(await workbench.page.locator('.notification-toast').count()).toBe(0);
    await story.startAgent('beta');
    await workbench.line(/^site, .* via beta/).waitFor();
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
    await reconnect.waitFor({ state: 'hidden' });
  });

  step('comes back with its panel when the window is loaded anew', async () => {
    await workbench.page.reload();
    await workbench.ready();
    await workbench.sideBar.waitFor();
    await workbench.show('Understudy');
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
    await workbench.page.locator('.tab', { hasText: 'Module web' }).click();
    await workbench.panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    await workbench.panel.getByRole('cell', { name: 'web: starting done' }).first().waitFor();
  });

  step('broke no rule of its own page', () => {
    expect(workbench.violations).toEqual([]);
    return Promise.resolve();
  });
});
