import { writeFileSync } from 'node:fs';
import { setCloseOnExec, setIoFlusher, setUmask } from '../platform/libc.ts';
import type { MirrorMessage, MirrorRequest, Resumed } from './ipc.ts';
import type { MirrorOptions } from './mirror.ts';
import { describeError, MirrorError } from './mirrorError.ts';
import type { Inherited } from './replica/inherited.ts';
import { MirrorHost } from './replica/mirrorHost.ts';

/** How long an emergency may take before the process ends anyway, milliseconds. */
const EMERGENCY_LIMIT_MS = 8000;

let host: MirrorHost | null = null;
let guarded: readonly number[] = [];
let ending = false;

function send(message: MirrorMessage): void {
  if (process.connected) process.send?.(message);
}

/** The agent is gone, or this process is broken: nobody may be told anything any more, then everything comes down. */
async function emergency(exitCode: number): Promise<void> {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(exitCode), EMERGENCY_LIMIT_MS).unref();
  try {
    await host?.freeze();
  } catch {
    // Nothing is served.
  }
  for (const group of guarded) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
  try {
    await host?.abort();
  } catch (error) {
    console.error(`the mirror could not be taken down in order: ${describeError(error).message}`);
  }
  process.exit(exitCode);
}

async function open(options: MirrorOptions, inherited: Inherited | null, resumed: Resumed | null): Promise<void> {
  if (host) throw new MirrorError('wrong-state', 'this mirror is open already');
  process.title = `understudy mirror ${options.module}`;
  for (const fd of inherited ? [inherited.journalFd, inherited.keeperFd] : []) setCloseOnExec(fd);
  for (const fd of resumed ? [resumed.mount.fuseFd, resumed.mount.backingFd] : []) setCloseOnExec(fd);
  const takenOver = resumed && { ...resumed, kept: new Map(resumed.kept) };
  for (const fd of takenOver?.kept.values() ?? []) setCloseOnExec(fd);
  host = new MirrorHost(options, import.meta.dirname, (event) => send({ event }), inherited, takenOver);
  if (takenOver) await host.resume(takenOver);
}

async function handle(request: MirrorRequest): Promise<unknown> {
  const { method, params } = request;
  if (method === 'open') {
    const [options, inherited, resumed] = params;
    await open(options as MirrorOptions, inherited as Inherited | null, resumed as Resumed | null);
    return undefined;
  }
  if (method === 'guard') {
    guarded = params[0] as readonly number[];
    return undefined;
  }
  if (!host) throw new MirrorError('wrong-state', 'this mirror is not open');
  if (method === 'close') ending = true;
  const call = host[method].bind(host) as (...values: readonly unknown[]) => Promise<unknown>;
  return call(...params);
}

/** Calls are carried out one after the other, except those that have to get past one that waits. */
const URGENT = new Set<string>(['freeze', 'thaw', 'goAlone', 'abort', 'guard', 'record']);
let queue: Promise<unknown> = Promise.resolve();

process.on('message', (message) => {
  const request = message as MirrorRequest;
  const run = async () => {
    try {
      const result = await handle(request);
      send(result === undefined ? { id: request.id } : { id: request.id, result });
    } catch (error) {
      // What nobody foresaw has to be found: with its place.
      if (!(error instanceof MirrorError)) console.error(error);
      send({ id: request.id, error: describeError(error) });
    }
    if (request.method === 'close') process.disconnect();
  };
  if (URGENT.has(request.method)) void run();
  else queue = queue.then(run);
});

process.on('disconnect', () => {
  if (ending) process.exit(0);
  void emergency(1);
});

function fail(error: unknown): void {
  const { message } = describeError(error);
  console.error(error);
  send({ event: { type: 'failed', reason: message } });
  void emergency(1);
}
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
// The agent decides when a mirror ends: a signal to the process group must not.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('SIGTERM', () => {});

setUmask(0);
for (const protect of [() => writeFileSync('/proc/self/oom_score_adj', '-1000'), setIoFlusher]) {
  try {
    protect();
  } catch {
    // Best effort: not every container allows it.
  }
}
