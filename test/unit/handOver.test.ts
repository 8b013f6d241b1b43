import { describe, expect, it } from 'vitest';
import { continued, handedCore } from '../../agent/core/handOver.ts';
import { conflictWith, settingsOf, whyNotDetached } from '../../agent/runtime/handOver.ts';
import { resolveModule } from '../../schemas/defaults.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';
import { Random } from '../simulation/random.ts';
import { World } from '../simulation/world.ts';

const last = (world: World) => world.outcomes.at(-1);

describe('handing a module over to the next program of the agent', () => {
  it('leaves the secondary in order, and takes it back when the next program is there', () => {
    const world = new World({ random: new Random(3) });
    world.run(15_000);
    const before = world.acknowledged.size;
    world.upgrade('alpha', 10_000);
    world.run(8000);
    // Far longer than the detection time, and nobody else starts; the server writes on.
    expect(world.hosts.beta.server).toBe('stopped');
    expect(world.acknowledged.size).toBeGreaterThan(before + 50);
    world.run(10_000);
    expect(world.upgrades).toBe(1);
    expect(world.describe()).toContain('alpha: PRIM server running');
    expect(world.describe()).toContain('beta: SECOND');
  });

  it('is refused during a resync and without the arbiter, and the pair stays as it is', () => {
    const world = new World({ random: new Random(4) });
    world.run(15_000);
    world.arbiter.isUp = false;
    world.operators.command('alpha', 'detach');
    expect(last(world)).toMatchObject({ ok: false, code: 'ARBITER_UNREACHABLE' });
    expect(world.describe()).toContain('alpha: PRIM server running');
    world.arbiter.isUp = true;
    world.crash('beta');
    world.run(10_000);
    world.boot('beta');
    for (let ms = 0; ms < 5000 && !/alpha: \w+ resynchronising/.test(world.describe()); ms += 20) world.run(20);
    world.operators.command('alpha', 'detach');
    expect(last(world)).toMatchObject({
      ok: false,
      code: 'BUSY',
      reason: expect.stringContaining('is bringing beta up to date') as string,
    });
    world.run(10_000);
    expect(world.describe()).toContain('alpha: PRIM server running');
  });

  it('happens in no other moment than after that', () => {
    const world = new World({ random: new Random(5) });
    world.run(15_000);
    const { core } = world.hosts.alpha;
    if (!core) throw new Error('alpha is off');
    expect(handedCore(core, world.now)).toBeNull();
    world.operators.command('alpha', 'detach');
    expect(handedCore(world.hosts.alpha.core ?? core, world.now)).toBeNull();
    world.run(2000);
    const detached = world.hosts.alpha.core ?? core;
    const handed = handedCore(detached, world.now);
    expect(handed).toMatchObject({ serverRuns: true, record: { primary: 'alpha', inSync: ['alpha'] } });
    if (!handed) throw new Error('nothing is handed over');
    const next = continued(
      { ...detached, restarts: [], failovers: [] },
      JSON.parse(JSON.stringify(handed)) as never,
      5,
    );
    expect(next.role).toMatchObject({ at: 'primary', link: { kind: 'none' }, server: { kind: 'running' } });
  });

  it('needs a program that knows what it takes over', () => {
    const offer = { takes: [1], resumes: 1, agentVersion: '9.0.0', host: 'alpha', cluster: 'site', modules: [] };
    expect(conflictWith(offer, true)).toBeNull();
    expect(conflictWith({ ...offer, takes: [2, 3] }, false)).toMatch(
      /agent 9\.0\.0 on disk takes over in version 2, 3/,
    );
    expect(conflictWith({ ...offer, resumes: 2 }, true)).toMatch(/takes mirrors over in version 2/);
    // Nothing is served here: no mirror process is gone on with.
    expect(conflictWith({ ...offer, resumes: 2 }, false)).toBeNull();
  });

  it('says what stands in the way, and what to do', () => {
    const fine = { verifies: false, standsStill: null, isResumable: true };
    const why = (now: Partial<typeof fine> | { standsStill: string }) =>
      whyNotDetached({ module: 'web', self: 'alpha' }, { ...fine, ...now });
    expect(why({})).toBeNull();
    expect(why({ isResumable: false })).toMatch(/kernel before 6\.9.*understudy switchover web.*systemctl restart/);
    expect(why({ verifies: true })).toMatch(/verify of web is running: wait for its end, or stop it/);
    expect(why({ standsStill: 'the disk is full' })).toMatch(/stands still \(the disk is full\)/);
  });
});

it('leaves a virtual machine what it was started with: other checks may come and go, not the channel to its agent', () => {
  const settings = (...checks: object[]): string => {
    const server = { qemu: { memory: '1GiB', disks: [{ file: 'a' }] } };
    const file = { name: 'web', hosts: ['alpha', 'beta'], mirror: { directories: ['/srv/web'] }, server, checks };
    return settingsOf(resolveModule(file as unknown as ModuleFile));
  };
  expect(settings({ ping: { host: 'a' } })).toBe(settings());
  expect(settings({ guestAgent: true })).not.toBe(settings());
  expect(settings({ guestAgent: true }, { ping: { host: 'a' } })).toBe(settings({ guestAgent: true }));
});
