import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mirror, ResyncPace, ResyncProgress } from '../../agent/mirror/mirror.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleResync, ResyncFile } from '../../agent/runtime/moduleResync.ts';

let directory: string;
let told: ResyncPace[];
let mirror: Mirror;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'us-resync-'));
  told = [];
  mirror = {
    paceResync: (pace: ResyncPace) => {
      told.push(pace);
      return Promise.resolve();
    },
  } as Partial<Mirror> as Mirror;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const progress: ResyncProgress = {
  ...{ kind: 'full', cause: 'beta holds no data of the module yet', toCheck: 8, checked: 2, sent: 1, holes: 0 },
  ...{ content: 1, names: 1, rate: 4, sentRate: 1, secondsLeft: 2 },
};

function open(): ModuleResync {
  return new ModuleResync({
    ...{ module: 'web', peer: 'beta', bandwidth: 'adaptive', file: new ResyncFile(directory) },
    log: new EventLog(join(directory, 'events.log'), 'alpha', 'error'),
    onChange: () => undefined,
  });
}

describe('what an operator asks of a resync', () => {
  it('is a pause, told with who asked, which outlasts the agent until it is resumed', async () => {
    const before = open();
    expect(await before.pause(mirror, 'ann')).toMatchObject({ ok: false, code: 'ALREADY' });
    before.onProgress(progress);
    expect(await before.pause(mirror, 'ann')).toMatchObject({ ok: true });
    expect(await before.pause(mirror, 'bob')).toMatchObject({
      ok: false,
      reason: expect.stringContaining('by ann') as string,
    });
    expect(before.status).toMatchObject({ checked: 2, rate: 0, secondsLeft: null });

    const after = open();
    expect(after.paused).toMatchObject({ by: 'ann' });
    await after.begin(mirror);
    expect(told.at(-1)).toEqual({ paused: true, bandwidth: 'adaptive' });
    expect(await after.resume(mirror, 1024, 'bob')).toMatchObject({ ok: true });
    expect(told.at(-1)).toEqual({ paused: false, bandwidth: 1024 });
    expect(await after.resume(mirror, undefined, 'bob')).toMatchObject({ ok: false, code: 'ALREADY' });
    expect(open().paused).toBeNull();
  });

  it('is no pause when the resync ends in that moment', async () => {
    const resync = open();
    resync.onProgress(progress);
    mirror.paceResync = () => {
      resync.onDone(progress, 10);
      return Promise.resolve();
    };
    expect(await resync.pause(mirror, 'ann')).toMatchObject({ ok: false, code: 'ALREADY' });
    expect(resync.paused).toBeNull();
  });

  it('is a bandwidth for the resync under way, and that of the module file holds for the next one', async () => {
    const resync = open();
    expect(await resync.pace(mirror, null)).toMatchObject({ ok: false, code: 'ALREADY' });
    resync.onProgress(progress);
    expect(await resync.pace(mirror, null)).toMatchObject({ ok: true });
    expect(resync.status).toMatchObject({ bandwidth: null });
    // The secondary was lost, and came back.
    resync.interrupted();
    await resync.begin(mirror);
    expect(told.at(-1)).toEqual({ paused: false, bandwidth: null });
    resync.onDone(progress, 10);
    await resync.begin(mirror);
    expect(told.at(-1)).toEqual({ paused: false, bandwidth: 'adaptive' });
    expect(resync.last).toMatchObject({ host: 'beta', kind: 'full', durationMs: 10 });
  });

  it('is durable before it acts, and forgotten once this host follows itself', async () => {
    const resync = open();
    resync.onProgress(progress);
    mirror.paceResync = () => {
      expect(readFileSync(join(directory, 'resync.json'), 'utf8')).toContain('"paused"');
      return Promise.resolve();
    };
    await resync.pause(mirror, 'ann');
    resync.forget();
    expect(new ResyncFile(directory).read()).toEqual({});
  });

  it('cannot be read when its file is damaged: then nothing was asked', () => {
    writeFileSync(join(directory, 'resync.json'), '{"formatVersion":1,"paus');
    expect(open().paused).toBeNull();
    writeFileSync(join(directory, 'resync.json'), '{"formatVersion":2,"paused":{}}');
    expect(open().paused).toBeNull();
  });
});
