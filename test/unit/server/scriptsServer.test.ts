import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fcntl } from '../../../agent/platform/libc.ts';
import { ScriptsServer } from '../../../agent/server/scripts/scriptsServer.ts';
import type { ServerEvent } from '../../../agent/server/virtualServer.ts';
import type { ResolvedScripts } from '../../../schemas/defaults.ts';

const context = { module: 'web', host: 'alpha', epoch: 7 };
const never = new AbortController().signal;
const environment = (): Record<string, string> => ({
  UNDERSTUDY_PEER: 'beta',
  UNDERSTUDY_STATE: 'ALONE',
  UNDERSTUDY_PREVIOUS_STATE: 'SECOND',
});
let folder: string;
let log: string[];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'us-scripts-'));
  log = [];
  script(
    'start',
    `echo "$UNDERSTUDY_MODULE $UNDERSTUDY_HOST $UNDERSTUDY_EPOCH $UNDERSTUDY_ACTION $1" > ${folder}/started`,
  );
  script('stop', `echo "$UNDERSTUDY_ACTION" >> ${folder}/stopped`);
  script('check', 'exit 0');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** In one step: the one before may be running, or about to. */
function script(name: string, body: string): void {
  const fresh = path.join(folder, `${name}.new`);
  writeFileSync(fresh, `#!/bin/sh\n${body}\n`);
  chmodSync(fresh, 0o755);
  renameSync(fresh, path.join(folder, name));
}

function make(changes: Partial<ResolvedScripts> = {}): ScriptsServer {
  const config: ResolvedScripts = {
    kind: 'scripts',
    start: ['start', 'first argument'],
    stop: ['stop'],
    check: null,
    checkIntervalMs: 20,
    timeoutMs: 5000,
    ...changes,
  };
  return new ScriptsServer({
    module: 'web',
    host: 'alpha',
    config,
    directory: folder,
    environment,
    log: (line) => log.push(line),
  });
}

function death(server: ScriptsServer): Promise<string> {
  return new Promise((resolve) => {
    server.events((event: ServerEvent) => {
      if (event.type === 'died') resolve(event.reason);
    });
  });
}

it('starts and stops by scripts that know the module, host, epoch and action', async () => {
  const server = make();
  await server.start(context, never);
  expect(server.state()).toBe('running');
  expect(readFileSync(path.join(folder, 'started'), 'utf8')).toBe('web alpha 7 start first argument\n');
  expect((await server.stop(never)).how).toBe('graceful');
  expect(server.state()).toBe('stopped');
  expect((await server.stop(never)).how).toBe('wasNotRunning');
});

it('a failing start script is an error with its words, and what it left is stopped', async () => {
  script('start', 'echo "no database" >&2; exit 3');
  const server = make();
  await expect(server.start(context, never)).rejects.toThrow(
    'The start script of module web ended with code 3. It wrote: no database',
  );
  expect(server.state()).toBe('stopped');
  expect(existsSync(path.join(folder, 'stopped'))).toBe(true);
});

it('a start script that hangs is killed after the time-out, with its children', async () => {
  script('start', `sleep 60 & echo $! > ${folder}/child; wait`);
  const server = make({ timeoutMs: 3000 });
  await expect(server.start(context, never)).rejects.toMatchObject({ code: 'SERVER_TIMEOUT' });
  const child = readFileSync(path.join(folder, 'child'), 'utf8').trim();
  await expect.poll(() => existsSync(`/proc/${child}/root`) && !isZombie(child)).toBe(false);
});

it('a daemon that the start script leaves in the background does not hold it up', async () => {
  script('start', `sleep 5 & echo $! > ${folder}/child`);
  const server = make();
  const began = performance.now();
  await server.start(context, never);
  expect(performance.now() - began).toBeLessThan(3000);
  process.kill(Number(readFileSync(path.join(folder, 'child'), 'utf8')), 'SIGKILL');
});

it.each([
  ['missing', () => rmSync(path.join(folder, 'stop')), /stop script .* does not exist \(key server\.scripts\.stop\)/],
  ['not executable', () => chmodSync(path.join(folder, 'stop'), 0o644), /stop script .* is not executable .*chmod \+x/],
])('a stop script that is %s is found out before anything is started', async (_, spoil, message) => {
  spoil();
  const server = make();
  await expect(server.start(context, never)).rejects.toThrow(message);
  expect(existsSync(path.join(folder, 'started'))).toBe(false);
});

it('a failing stop script is an error: the server counts as running', async () => {
  script('stop', 'echo busy; exit 1');
  const server = make();
  await server.start(context, never);
  await expect(server.stop(never)).rejects.toThrow('It wrote: busy');
  expect(server.state()).toBe('running');
});

it('a check that fails means the server died, and what is left of it is stopped first', async () => {
  script('check', `[ ! -e ${folder}/sick ]`);
  const server = make({ check: ['check'] });
  const died = death(server);
  await server.start(context, never);
  writeFileSync(path.join(folder, 'sick'), '');
  expect(await died).toContain('check script of module web ended with code 1');
  expect(server.state()).toBe('stopped');
  expect(readFileSync(path.join(folder, 'stopped'), 'utf8')).toBe('stop\n');
});

it('what the scripts write to both outputs is in the log, of a check only when it fails', async () => {
  script('start', 'echo "on its way"; echo "no swap" >&2');
  script('check', `echo looking; [ ! -e ${folder}/sick ] || { echo "no answer" >&2; exit 1; }`);
  script('stop', 'echo "one client left" >&2; echo "all gone"');
  const server = make({ check: ['check'] });
  const died = death(server);
  await server.start(context, never);
  expect([...log].sort()).toEqual(['start script: no swap', 'start script: on its way']);
  log = [];
  writeFileSync(path.join(folder, 'sick'), '');
  await died;
  expect([...log].sort()).toEqual([
    'check script: looking',
    'check script: no answer',
    'stop script: all gone',
    'stop script: one client left',
  ]);
  rmSync(path.join(folder, 'sick'));
  await server.start(context, never);
  log = [];
  await server.stop(never);
  expect([...log].sort()).toEqual(['stop script: all gone', 'stop script: one client left']);
});

it.each(['start', 'stop', 'check'] as const)(
  'what a %s script had written when its time was over is in the log',
  async (name) => {
    const server = make({ check: ['check'], timeoutMs: 2000 });
    const said = `echo "waiting for the disk"; echo "still waiting" >&2; sleep 60`;
    if (name === 'start') {
      script('start', said);
      await expect(server.start(context, never)).rejects.toMatchObject({ code: 'SERVER_TIMEOUT' });
    } else {
      const died = death(server);
      await server.start(context, never);
      script(name, said);
      if (name === 'check') expect(await died).toMatch(/did not end within 2000 ms \(key server\.scripts\.timeout\)/);
      else await expect(server.stop(never)).rejects.toMatchObject({ code: 'SERVER_TIMEOUT' });
    }
    expect(log).toContain(`${name} script: waiting for the disk`);
    expect(log).toContain(`${name} script: still waiting`);
  },
);

it('another check in the module file holds from the next start on, another stop script and time-out at once', async () => {
  const server = make({ check: ['check'] });
  await server.start(context, never);
  let deaths = 0;
  server.events(({ type }) => (deaths += type === 'died' ? 1 : 0));
  script('sick', `echo >> ${folder}/looked; exit 1`);
  script('check', `echo >> ${folder}/looked`);
  script('other', 'sleep 60');
  const changed: ResolvedScripts = {
    kind: 'scripts',
    start: ['start'],
    stop: ['other'],
    check: ['sick'],
    checkIntervalMs: 20,
    timeoutMs: 2000,
  };
  server.reconfigure(changed);
  const looks = (): number =>
    existsSync(path.join(folder, 'looked')) ? statSync(path.join(folder, 'looked')).size : 0;
  await expect.poll(looks).toBeGreaterThanOrEqual(3);
  expect(deaths).toBe(0);
  await expect(server.stop(never)).rejects.toMatchObject({ code: 'SERVER_TIMEOUT' });
  server.reconfigure({ ...changed, stop: ['stop'] });
  await server.stop(never);
  const died = death(server);
  await server.start(context, never);
  expect(await died).toContain('check script of module web ended with code 1');
});

it('an aborted start kills the script', async () => {
  script('start', 'sleep 60');
  const server = make();
  const abort = new AbortController();
  const start = server.start(context, abort.signal);
  setTimeout(() => abort.abort(new Error('another host took over')), 100);
  await expect(start).rejects.toThrow('another host took over');
  expect(server.state()).toBe('stopped');
});

it('a stop during the start waits for the end of that: never do two scripts run at once', async () => {
  script('start', `echo > ${folder}/started; sleep 60`);
  script(
    'stop',
    `mkdir ${folder}/busy || echo twice >> ${folder}/stopped; sleep 0.2; rmdir ${folder}/busy; echo stop >> ${folder}/stopped`,
  );
  const server = make();
  const start = server.start(context, never);
  start.catch(() => undefined);
  await expect.poll(() => existsSync(path.join(folder, 'started'))).toBe(true);
  const [stopped] = await Promise.all([server.stop(never), server.kill()]);
  expect(stopped.how).toBe('wasNotRunning');
  expect(server.state()).toBe('stopped');
  await expect(start).rejects.toThrow('the server was stopped meanwhile');
  expect(readFileSync(path.join(folder, 'stopped'), 'utf8')).toBe('stop\n');
});

it('what a start has left is not taken for stopped by who stops it meanwhile', async () => {
  script('start', `echo > ${folder}/started; sleep 60`);
  script('stop', 'echo busy; exit 1');
  const server = make();
  const start = server.start(context, never);
  start.catch(() => undefined);
  await expect.poll(() => existsSync(path.join(folder, 'started'))).toBe(true);
  await expect(server.kill()).rejects.toThrow('It wrote: busy');
  script('stop', '');
  await server.kill();
  expect(server.state()).toBe('stopped');
});

it('a stop of a server that is just found to have died tells of one end only', async () => {
  script('check', 'exit 1');
  script('stop', `while [ ! -e ${folder}/seen ]; do sleep 0.02; done; echo stop >> ${folder}/stopped`);
  const server = make({ check: ['check'] });
  let deaths = 0;
  server.events(({ type }) => (deaths += type === 'died' ? 1 : 0));
  await server.start(context, never);
  await expect.poll(() => server.state()).toBe('stopping');
  const stopped = server.stop(never);
  writeFileSync(path.join(folder, 'seen'), '');
  await stopped;
  expect(server.state()).toBe('stopped');
  expect(readFileSync(path.join(folder, 'stopped'), 'utf8')).toBe('stop\n');
  expect(deaths).toBe(0);
});

it('a stop script on a mirror that stands still keeps nobody waiting but its caller', async () => {
  const server = make();
  await server.start(context, never);
  const goOn = standStill('stop');
  const abort = new AbortController();
  const began = performance.now();
  const stop = server.stop(abort.signal);
  stop.catch(() => undefined);
  // The agent that would let the mirror go on has to have its turn.
  await delay(300);
  expect(performance.now() - began).toBeLessThan(3000);
  abort.abort(new Error('the mirror is given up'));
  await expect(stop).rejects.toThrow('The stop script of module web was ended by a signal');
  goOn();
  expect((await server.stop(never)).how).toBe('graceful');
});

it('reap runs the stop script, and is content when there is none yet', async () => {
  expect(await make().reap()).toHaveLength(1);
  expect(readFileSync(path.join(folder, 'stopped'), 'utf8')).toBe('stop\n');
  rmSync(path.join(folder, 'stop'));
  expect(await make().reap()).toEqual([]);
});

/** Whoever runs the script waits, as for a mirror that is frozen: by a lease on the file. Returns what ends that. */
function standStill(name: string): () => void {
  const ignore = (): void => undefined;
  // So the holder of a lease is told that somebody waits.
  process.on('SIGIO', ignore);
  const held = openSync(path.join(folder, name), 'r');
  const [setLease, exclusive] = [1024, 1];
  fcntl(held, setLease, exclusive);
  return () => {
    closeSync(held);
    process.off('SIGIO', ignore);
  };
}

function isZombie(pid: string): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
