import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostLinks } from '../../agent/host/hostLinks.ts';
import type { ClusterView } from '../../agent/runtime/clusterView.ts';
import { Commands } from '../../agent/runtime/commands.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { HostCommands } from '../../agent/runtime/hostCommands.ts';
import type { HostDrain } from '../../agent/runtime/hostDrain.ts';
import type { ModuleRuntime } from '../../agent/runtime/moduleRuntime.ts';
import type { ModuleSlot } from '../../agent/runtime/moduleSlot.ts';

let folder: string;
let log: EventLog;
let done: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-commands-'));
  log = new EventLog(join(folder, 'log.jsonl'), 'beta', 'error');
  done = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const said = (): string[] => log.read({ limit: 100 }).map(({ code, message }) => `${code} ${message}`);
const links = {} as HostLinks;

/** The commands of a host in a cluster where gamma is nothing but a witness. */
function commandsOf(self: string): Commands {
  const runtime = {
    command: (kind: string) => {
      done.push(kind);
      return Promise.resolve({ ok: true, message: 'done' });
    },
    repair: () => {
      done.push('repair');
      return Promise.resolve({ ok: true, message: 'done' });
    },
  };
  const module = { name: 'web', hosts: ['alpha', 'beta'] };
  const slot = { module, runtime: runtime as unknown as ModuleRuntime, failure: null } as unknown as ModuleSlot;
  const view = { snapshot: () => ({ modules: [] }) } as unknown as ClusterView;
  return new Commands(self, [slot], links, view, log, () => ['alpha', 'beta']);
}

const asked = (kind: string) => ({ module: 'web', kind, by: 'ops (admin) from 10.0.0.9:1', timeoutMs: 1000 });

describe('a command that another host hands on', () => {
  it.each(['force', 'resolve', 'repair'])('%s is not taken from a mere witness: it may lose data', async (kind) => {
    expect(await commandsOf('beta').answer('gamma', asked(kind))).toMatchObject({
      ok: false,
      code: 'BAD_REQUEST',
      message: 'gamma is a witness only, and has no say in what may lose data: ask the agent of alpha or beta',
    });
    expect(done).toEqual([]);
    expect(await commandsOf('beta').answer('alpha', asked(kind))).toMatchObject({ ok: true });
    expect(done).toEqual([kind]);
  });

  it('is in the log with the host that it came from, whoever that says has asked', async () => {
    expect(await commandsOf('beta').answer('gamma', asked('stop'))).toMatchObject({ ok: true });
    expect(said()).toEqual(['COMMAND stop of web, asked by ops (admin) from 10.0.0.9:1, handed on by gamma']);
  });

  it('about a host is in its log as well', async () => {
    const drain = { undrain: () => ({ ok: true, message: 'alpha is not drained any more' }) } as unknown as HostDrain;
    const none = (): string[] => [];
    const commands = new HostCommands('alpha', none, none, links, drain, log);
    const by = 'ops (operator) from 10.0.0.9:1';
    expect(await commands.answer('beta', { kind: 'undrain', by })).toMatchObject({ ok: true });
    expect(said()).toEqual([`COMMAND undrain of alpha, asked by ${by}, handed on by beta`]);
  });
});

it('a mere witness is told where what may lose data is asked for', async () => {
  const by = { name: 'ops', role: 'admin', from: '10.0.0.9:1' } as const;
  expect(await commandsOf('gamma').run('force', 'web', 'beta', by)).toMatchObject({
    ok: false,
    refusal: { reason: expect.stringContaining('ask the agent of alpha or beta') as string },
  });
});
