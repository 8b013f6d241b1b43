import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualAddresses } from '../../agent/addresses/virtualAddresses.ts';
import type { CoreEvent, ModuleConfig, Role } from '../../agent/core/types.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleEnvironment } from '../../agent/runtime/moduleEnvironment.ts';
import { ModuleHooks } from '../../agent/runtime/moduleHooks.ts';
import { ModuleServer } from '../../agent/runtime/moduleServer.ts';
import { ScriptsServer } from '../../agent/server/scripts/scriptsServer.ts';
import { until } from './addresses/twoMachines.ts';

const names = [
  'beforePrimary',
  'afterPrimary',
  'beforeStop',
  'afterStop',
  'afterSecondary',
  'afterWait',
  'afterChange',
] as const;

let folder: string;
let log: EventLog;
let environment: ModuleEnvironment;
let hooks: ModuleHooks;
let server: ModuleServer;
let events: CoreEvent[];
let onEvent: () => void = () => undefined;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'us-hooks-'));
  for (const name of [...names, 'start', 'stop', 'check']) script(name, '');
  log = new EventLog(path.join(folder, 'log'), 'alpha', 'error');
  environment = new ModuleEnvironment('beta');
  events = [];
  make();
});
afterEach(async () => {
  await server.kill();
  await hooks.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each says that it runs; what it does then is another matter. */
function script(name: string, body: string): void {
  const told =
    '$UNDERSTUDY_ACTION $UNDERSTUDY_MODULE $UNDERSTUDY_HOST $UNDERSTUDY_PEER $UNDERSTUDY_PREVIOUS_STATE>$UNDERSTUDY_STATE $UNDERSTUDY_EPOCH $UNDERSTUDY_REASON';
  writeFileSync(path.join(folder, name), `#!/bin/sh\necho "${told}" >> ${folder}/told\n${body}\n`);
  chmodSync(path.join(folder, name), 0o755);
}

function make(timeoutMs = 5000): void {
  const programs = Object.fromEntries(names.map((name) => [name, [path.join(folder, name)]]));
  hooks = new ModuleHooks({ module: 'web', host: 'alpha', hooks: { programs, timeoutMs }, environment, log });
  server = new ModuleServer(
    {
      config: { module: 'web', self: 'alpha', peer: 'beta' } as ModuleConfig,
      server: new ScriptsServer({
        module: 'web',
        host: 'alpha',
        config: {
          kind: 'scripts',
          start: ['start'],
          stop: ['stop'],
          check: ['check'],
          checkIntervalMs: 50,
          timeoutMs: 5000,
        },
        directory: folder,
        environment: () => environment.variables(),
        log: () => undefined,
      }),
      addresses: new VirtualAddresses({
        host: 'alpha',
        addresses: [],
        log: () => undefined,
        onChange: () => undefined,
      }),
      hooks,
      log,
      dispatch: (event) => {
        events.push(event);
        onEvent();
      },
      guard: () => undefined,
      onChange: () => undefined,
    },
    null,
  );
}

function event<Type extends CoreEvent['type']>(type: Type): Promise<Extract<CoreEvent, { type: Type }>> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = events.find((each) => each.type === type);
      if (found) resolve(found as Extract<CoreEvent, { type: Type }>);
    };
    onEvent = look;
    look();
  });
}

/** The lines that scripts and hooks wrote, without those of checks. */
function told(): string[] {
  const file = path.join(folder, 'told');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('check'));
}

const toldOf = (action: string): Promise<void> =>
  until(() => Promise.resolve(told().some((line) => line.startsWith(action))));
const logged = (code: string): string[] =>
  log.read({ limit: 100 }).flatMap((entry) => (entry.code === code ? [entry.message] : []));

const following = { at: 'following' } as Role;
const waiting = (parked: boolean, reason = 'too many failovers'): Role => ({
  at: 'waiting',
  reason,
  since: 0,
  parked,
  yieldUntil: 0,
  retryAt: 0,
  diverged: null,
  reasonSince: 0,
  isTold: false,
  toldBefore: 0,
  heldBack: false,
});

describe('hooks', () => {
  it('are run around start and stop, in their order, and told what scripts are told', async () => {
    environment.note({ state: 'SECOND', transition: null });
    environment.note({ state: 'WAIT', transition: 'promoting' });
    environment.note({ state: 'ALONE', transition: 'starting' });
    server.start(7);
    await event('serverRunning');
    environment.note({ state: 'ALONE', transition: null });
    await toldOf('afterPrimary');
    server.stop();
    await event('serverStopped');
    await hooks.close();
    expect(told()).toEqual([
      'beforePrimary web alpha beta SECOND>ALONE 7',
      'start web alpha beta SECOND>ALONE 7',
      expect.stringMatching(/^afterPrimary web alpha beta SECOND>ALONE 7$/),
      'beforeStop web alpha beta SECOND>ALONE 7',
      'stop web alpha beta SECOND>ALONE 7',
      'afterStop web alpha beta SECOND>ALONE 7 graceful',
    ]);
  });

  it.each([
    [75, false],
    [78, true],
  ])('before the start refuse it with code %i, which is told as a failure of the server', async (code, lasting) => {
    script('beforePrimary', `echo no licence; exit ${String(code)}`);
    server.start(7);
    expect(await event('serverFailed')).toMatchObject({
      lasting,
      reason: `the beforePrimary hook of web refuses the start on alpha (code ${String(code)}). It wrote: no licence`,
    });
    await hooks.close();
    expect(told().map((line) => line.split(' ')[0])).toEqual(['beforePrimary', 'afterStop']);
  });

  it('that fail in any other way are only told of', async () => {
    script('beforePrimary', 'echo oh; exit 3');
    rmSync(path.join(folder, 'afterPrimary'));
    server.start(7);
    await event('serverRunning');
    await until(() => Promise.resolve(logged('HOOK_FAILED').length === 2));
    expect(logged('HOOK_FAILED')).toEqual([
      'the beforePrimary hook of web on alpha ended with code 3. It wrote: oh',
      expect.stringMatching(
        /^the afterPrimary hook of web on alpha could not be run: .*does not exist \(key hooks\.afterPrimary\)/,
      ),
    ]);
  });

  it('write to the log', async () => {
    script('beforePrimary', 'echo the cluster moves; echo here >&2');
    server.start(7);
    await event('serverRunning');
    expect(logged('HOOK')).toEqual(['beforePrimary: the cluster moves', 'beforePrimary: here']);
  });

  it('that do not end are killed after their time, and then it goes on', async () => {
    make(300);
    script('beforePrimary', 'sleep 600');
    const since = performance.now();
    server.start(7);
    await event('serverRunning');
    expect(performance.now() - since).toBeLessThan(5000);
    expect(logged('HOOK_FAILED')).toEqual([
      'the beforePrimary hook of web on alpha did not end within 300 ms (key hooks.timeout). It wrote nothing.',
    ]);
  });

  it('before a stop do not hold up a server that is to be killed at once', async () => {
    make(60_000);
    script('beforeStop', 'sleep 600');
    server.start(7);
    await event('serverRunning');
    server.stop();
    await toldOf('beforeStop');
    const since = performance.now();
    expect(await server.kill()).toBeNull();
    server.noteKilled();
    expect(performance.now() - since).toBeLessThan(5000);
    await hooks.close();
    expect(told().at(-1)).toBe('afterStop web alpha beta STOP>STOP 7 killed: this host may not run it any more');
    expect(events.map(({ type }) => type)).toEqual(['serverRunning']);
    expect(hooks.areRunning).toBe(false);
  });

  it('before a stop are ended when the server dies meanwhile, which is told once', async () => {
    make(60_000);
    script('beforeStop', `touch ${folder}/dead; sleep 600`);
    script('check', `test ! -e ${folder}/dead`);
    server.start(7);
    await event('serverRunning');
    server.stop();
    await event('serverFailed');
    await until(() => Promise.resolve(!hooks.areRunning));
    expect(events.map(({ type }) => type)).toEqual(['serverRunning', 'serverFailed']);
  });

  it('before a start do not hold up one that is given up', async () => {
    make(60_000);
    script('beforePrimary', 'sleep 600');
    server.start(7);
    await toldOf('beforePrimary');
    server.stop();
    await event('serverStopped');
    expect(events.map(({ type }) => type)).toEqual(['serverStopped']);
  });

  it('learn that the server has died', async () => {
    script('check', 'exit 1');
    server.start(7);
    await event('serverFailed');
    await hooks.close();
    expect(told().at(-1)).toMatch(/^afterStop web .* 7 The check script of module web ended with code 1/);
  });

  it('learn that this host follows, or that the module is parked, once', async () => {
    hooks.noteRole(waiting(false), following, 3);
    hooks.noteRole(following, { ...following }, 3);
    hooks.noteRole(following, waiting(false), 3);
    hooks.noteRole(waiting(false), waiting(true), 3);
    hooks.noteRole(waiting(true), waiting(true), 3);
    await hooks.close();
    expect(told()).toEqual([
      'afterSecondary web alpha beta STOP>STOP 3',
      'afterWait web alpha beta STOP>STOP 3 too many failovers',
    ]);
  });

  it('learn of a wait that has lasted for ten seconds, once and with the reason of then, and of none that ends before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      hooks.noteRole(following, waiting(false, 'asking the arbiter'), 3);
      vi.advanceTimersByTime(5000);
      hooks.noteRole(waiting(false, 'asking the arbiter'), waiting(false, 'beta is silent'), 3);
      vi.advanceTimersByTime(4900);
      expect(hooks.areRunning).toBe(false);
      vi.advanceTimersByTime(100);
      expect(hooks.areRunning).toBe(true);
      vi.advanceTimersByTime(60_000);
      hooks.noteRole(waiting(false), following, 4);
      hooks.noteRole(following, waiting(false), 4);
      vi.advanceTimersByTime(9900);
      hooks.noteRole(waiting(false), following, 5);
      vi.advanceTimersByTime(60_000);
    } finally {
      vi.useRealTimers();
    }
    await hooks.close();
    expect(told()).toEqual([
      'afterWait web alpha beta STOP>STOP 3 beta is silent',
      'afterSecondary web alpha beta STOP>STOP 4',
      'afterSecondary web alpha beta STOP>STOP 5',
    ]);
  });

  it('learn of each change of the state, and why, in their order, however late they are told', async () => {
    script('afterChange', 'sleep 0.1');
    hooks.stateChanged('WAIT', 'ALONE', 7, 'alpha was silent');
    hooks.stateChanged('ALONE', 'PRIM', 8, 'alpha is in sync');
    environment.note({ state: 'STOP', transition: null });
    await hooks.close();
    expect(told()).toEqual([
      'afterChange web alpha beta WAIT>ALONE 7 alpha was silent',
      'afterChange web alpha beta ALONE>PRIM 8 alpha is in sync',
    ]);
  });
});
