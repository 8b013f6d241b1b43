import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../agent/core/types.ts';
import { DrainFile } from '../../agent/runtime/drainFile.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { HostDrain, type DrainedModule } from '../../agent/runtime/hostDrain.ts';

describe('a drain of a host', () => {
  let directory: string;
  let modules: DrainedModule[];
  let learned: string[];
  /** Those under way, each with what ends it. */
  let moving: Map<string, (outcome: Outcome) => void>;
  let gone: Set<string>;
  let noRoom: string | null;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-drain-'));
    modules = [];
    learned = [];
    moving = new Map();
    gone = new Set();
    noRoom = null;
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const open = (): HostDrain =>
    new HostDrain({
      host: 'alpha',
      file: new DrainFile(directory),
      log: new EventLog(join(directory, 'log.jsonl'), 'alpha', 'error'),
      modules: () => modules,
      whyNotAll: () => noRoom,
      onChange: () => undefined,
    });
  const add = (name: string, plan: ReturnType<DrainedModule['plan']>, dependsOn: readonly string[] = []): void => {
    modules.push({
      name,
      to: 'beta',
      dependsOn,
      plan: () => (gone.has(name) ? 'stays' : plan),
      move: () => new Promise((resolve) => moving.set(name, resolve)),
      learn: (drain) => learned.push(`${name} ${drain ?? 'free'}`),
    });
  };
  const finish = async (name: string, outcome: Outcome = { ok: true, message: 'moved' }): Promise<void> => {
    if (outcome.ok) gone.add(name);
    moving.get(name)?.(outcome);
    moving.delete(name);
    // Whatever follows from it has happened once other callbacks get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  };

  it('moves nothing when the other host has no room for all of them together', async () => {
    add('web', 'moves');
    add('db', 'moves');
    noRoom = 'beta has no room for web and db together: 4 GiB of memory needed, 3 GiB of 8 GiB free';
    expect(await open().drain('ann')).toMatchObject({
      ok: false,
      code: 'NOT_HEALTHY',
      reason: expect.stringMatching(/nothing was moved from alpha.*web and db together/) as string,
    });
    expect(moving.size).toBe(0);
  });

  it('moves what depends on another module before that one', async () => {
    add('db', 'moves');
    add('web', 'moves', ['db']);
    add('mail', 'moves', ['db']);
    add('files', 'moves');
    const drain = open();
    const done = drain.drain('ann');
    await Promise.resolve();
    expect([...moving.keys()]).toEqual(['web', 'mail']);
    await finish('web');
    expect([...moving.keys()]).toEqual(['mail', 'files']);
    await finish('files');
    expect([...moving.keys()]).toEqual(['mail']);
    await finish('mail');
    expect([...moving.keys()]).toEqual(['db']);
    await finish('db');
    expect(await done).toMatchObject({ ok: true });
  });

  it('does not call the host clear when a module has come back meanwhile, or when that cannot be written down', async () => {
    add('web', 'moves');
    const drain = open();
    const back = drain.drain('ann');
    moving.get('web')?.({ ok: true, message: 'moved' });
    expect(await back).toMatchObject({ ok: false, reason: expect.stringContaining('web came back') as string });
    expect(drain.state).toBeNull();

    rmSync(directory, { recursive: true, force: true });
    writeFileSync(directory, 'a file in its place');
    const unwritten = drain.drain('ann');
    await finish('web');
    expect(await unwritten).toMatchObject({ ok: false, reason: expect.stringContaining('written down') as string });
    expect(drain.state).toBeNull();
  });

  it('moves two modules at a time, and only then says that the host may be rebooted', async () => {
    for (const name of ['web', 'db', 'mail']) add(name, 'moves');
    add('idle', 'stays');
    const drain = open();
    const outcome = drain.drain('ann');
    expect([...moving.keys()]).toEqual(['web', 'db']);
    expect(drain.state).toBe('draining');
    expect(await drain.drain('bob')).toMatchObject({ ok: false, code: 'BUSY' });
    expect(drain.undrain()).toMatchObject({ ok: false, code: 'BUSY' });
    await finish('db');
    expect([...moving.keys()]).toEqual(['web', 'mail']);
    await finish('web');
    expect(existsSync(join(directory, 'drained.json'))).toBe(false);
    await finish('mail');
    expect(await outcome).toMatchObject({
      ok: true,
      message: expect.stringMatching(/^alpha may be rebooted: /) as string,
    });
    expect(learned.filter((each) => each.startsWith('idle'))).toEqual(['idle draining', 'idle drained']);
    expect(open().state).toBe('drained');
    expect(open().undrain()).toMatchObject({ ok: true });
    expect(open().state).toBe(null);
    expect(open().undrain()).toMatchObject({ ok: false, code: 'ALREADY' });
  });

  it('moves nothing when one of the modules cannot be moved, and names it', async () => {
    add('web', 'moves');
    add('db', { ok: false, code: 'NOT_IN_SYNC', reason: 'beta is not in sync yet', numbers: {} });
    const drain = open();
    expect(await drain.drain('ann')).toMatchObject({
      ok: false,
      code: 'NOT_IN_SYNC',
      reason: expect.stringContaining('db: beta is not in sync yet') as string,
    });
    expect(moving.size).toBe(0);
    expect(learned).toEqual([]);
    expect(drain.state).toBe(null);
  });

  it('begins no further move after one that failed, and says that the host is not clear', async () => {
    for (const name of ['web', 'db', 'mail']) add(name, 'moves');
    const drain = open();
    const outcome = drain.drain('ann');
    await finish('web', { ok: false, code: 'FAILED', reason: 'beta was lost on the way', numbers: {} });
    await finish('db');
    expect(await outcome).toMatchObject({
      ok: false,
      code: 'FAILED',
      reason: expect.stringMatching(/not clear.*web stays: beta was lost on the way; db to beta did move/) as string,
    });
    expect(moving.size).toBe(0);
    expect(drain.state).toBe(null);
    expect(open().state).toBe(null);
    expect(learned.slice(-3)).toEqual(['web free', 'db free', 'mail free']);
  });
});
