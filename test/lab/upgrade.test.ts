import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../../schemas/generated/api.ts';
import { type PairName, pair } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('an upgrade of the agent', () => {
  const { cluster } = useLabCluster();

  const entries = (host: string, code: string): LogEntry[] =>
    cluster().view.log.filter((entry) => entry.host === host && entry.code === code);

  const promotions = (): number => entries('beta', 'FAILOVER').length + entries('beta', 'PRIMARY_SILENT').length;

  /** Waits for the moment in which the old program of a host's agent ends. */
  async function untilReplaced(name: PairName, since: number): Promise<void> {
    const log = cluster().host(name).outside('/var/log/understudy-agent.log');
    for (const end = Date.now() + 30_000; Date.now() < end; await delay(2)) {
      if (readFileSync(log, 'utf8').slice(since).includes('AGENT_REPLACED')) return;
    }
    throw new Error(`the agent of ${name} was not replaced`);
  }

  it('on the primary and then on the secondary: the same guest goes on, and nobody else is promoted', async () => {
    const alpha = cluster().host('alpha');
    const before = { guests: alpha.guests(), agent: await alpha.agentPid(), promotions: promotions() };
    const look = await alpha.understudy(['upgrade', '--check']);
    expect(look).toMatchObject({ code: 0 });
    expect(look.stdout).toContain('can take over');
    const done = await alpha.understudy(['upgrade', '--json', '--timeout', '60']);
    expect(done).toMatchObject({ code: 0 });
    expect(JSON.parse(done.stdout)).toMatchObject({ ok: true, lost: 0 });
    expect(await alpha.agentPid()).toBe(before.agent);
    expect(alpha.guests()).toEqual(before.guests);
    await cluster().waitForRecords('alpha', 20);
    await cluster().waitUntilHealthy('alpha');
    expect(alpha.guests()).toEqual(before.guests);
    expect(entries('alpha', 'MIRROR_RENEWED').length).toBeGreaterThan(0);
    const resyncs = entries('alpha', 'RESYNC_DONE');
    expect(resyncs.at(-1)?.message).toContain('delta');

    await cluster().host('beta').runUnderstudy(['upgrade', '--timeout', '60']);
    await cluster().waitForRecords('alpha', 10);
    await cluster().waitUntilHealthy('alpha');
    expect(alpha.guests()).toEqual(before.guests);
    expect(promotions()).toBe(before.promotions);

    // Nothing but the streams and what was handed over came along.
    const fds = await alpha.run(['ls', '-l', `/proc/${String(before.agent)}/fd`]);
    expect(fds).not.toContain('hand-over');

    // And then the new agent does what an agent is for.
    await cluster().view.request('alpha', 'module.switchover', { module: 'web', to: 'beta' });
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
  });

  it('and the guest that it did not start is watched: killed, it comes back; its host dead, the other takes over', async () => {
    const alpha = cluster().host('alpha');
    await alpha.runUnderstudy(['upgrade', '--timeout', '60']);
    await cluster().waitUntilHealthy('alpha');
    const [before] = alpha.guests();
    expect(alpha.killGuest()).toBe(1);
    const isAnother = (): boolean => {
      const [now] = alpha.guests();
      return now !== undefined && now !== before && cluster().isServing('alpha');
    };
    await cluster().view.waitFor('another guest runs on alpha', isAnother);
    await alpha.runUnderstudy(['upgrade', '--timeout', '60']);
    await cluster().waitUntilHealthy('alpha');
    await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
  });

  it.each([0, 400])(
    'whose new program is killed %i ms after it took over: the guest ends with it, and comes back with nothing lost',
    async (ms) => {
      const alpha = cluster().host('alpha');
      const [guest] = alpha.guests();
      const since = alpha.agentLog().length;
      const pid = String(await alpha.agentPid());
      await cluster().view.request('alpha', 'agent.upgrade', {});
      await untilReplaced('alpha', since);
      await delay(ms);
      await alpha.exec(['kill', '-9', pid]);
      const isOver = (): boolean => !alpha.guests().includes(guest ?? 0);
      for (const end = Date.now() + 10_000; !isOver() && Date.now() < end;) await delay(20);
      expect(isOver()).toBe(true);
      await cluster().view.waitFor('the guest runs again', () => pair.some((name) => cluster().isServing(name)));
      const serving = pair.find((name) => cluster().isServing(name)) ?? 'alpha';
      await cluster().waitForRecords(serving, 10);
    },
  );

  it('whose new program hangs: the guest ends in time, and nothing is lost', async () => {
    const alpha = cluster().host('alpha');
    const [guest] = alpha.guests();
    const since = alpha.agentLog().length;
    const pid = String(await alpha.agentPid());
    await cluster().view.request('alpha', 'agent.upgrade', {});
    await untilReplaced('alpha', since);
    await alpha.exec(['kill', '-STOP', pid]);
    const isOver = (): boolean => !alpha.guests().includes(guest ?? 0);
    for (const end = Date.now() + 30_000; !isOver() && Date.now() < end;) await delay(50);
    expect(isOver()).toBe(true);
    await alpha.exec(['kill', '-CONT', pid]);
    await cluster().view.waitFor('the guest runs again', () => pair.some((name) => cluster().isServing(name)));
  });

  it('is refused, with what to do, while the module is not quiet or its file has changed', async () => {
    const alpha = cluster().host('alpha');
    const before = alpha.guests();
    const file = '/etc/understudy/modules/web.module.jsonc';
    const content = await alpha.run(['cat', file]);
    try {
      await alpha.run(['sh', '-c', `sed -i 's/"mirror": *{/"mirror": { "exclude": ["*.swp"],/' ${file}`]);
      const changed = await alpha.understudy(['upgrade']);
      expect(changed.code).toBe(3);
      expect(changed.stderr).toMatch(/changed in its file: put that back, or stop web first/);
      await alpha.run(['sh', '-c', `echo '{' > ${file}`]);
      const broken = await alpha.understudy(['upgrade']);
      expect(broken.code).toBe(3);
      expect(broken.stderr).toMatch(/missing or has errors/);
    } finally {
      await alpha.run(['sh', '-c', `cat > ${file}`], { input: content });
    }
    await alpha.runUnderstudy(['verify', 'web', '--no-follow', '--bandwidth', '1KiB/s']);
    const busy = await alpha.understudy(['upgrade']);
    expect(busy.code).toBe(3);
    expect(busy.stderr).toMatch(/a verify of web is running/);
    await alpha.runUnderstudy(['verify', 'web', '--stop']);
    expect(alpha.guests()).toEqual(before);
    await cluster().waitUntilHealthy('alpha');
    await cluster().waitForRecords('alpha', 5);
  });
});
