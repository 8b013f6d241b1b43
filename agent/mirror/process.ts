import { writeFileSync } from 'node:fs';
import {
  raiseOpenFileLimit,
  receiveLocal,
  setCloseOnExec,
  setIoFlusher,
  setUmask,
  trimMemory,
} from '../platform/libc.ts';
import { collectGarbage } from '../platform/lull.ts';
import { dropProgramPages } from '../platform/programPages.ts';
import { groupsEnd, killGroups } from './guardedGroups.ts';
import { RESUME_VERSION, type MirrorMessage, type MirrorRequest, type Resumed } from './ipc.ts';
import { IpcChannel } from './ipcChannel.ts';
import type { MirrorOptions } from './mirror.ts';
import { describeError, MirrorError } from './mirrorError.ts';
import type { Inherited, TakenOver } from './replica/inherited.ts';
import { MirrorHost } from './replica/mirrorHost.ts';

/** How long an emergency may take before the process ends anyway, milliseconds. */
const EMERGENCY_LIMIT_MS = 8000;

/**
 * Each file that a program has open on the mirror is one here, too, and at this process's limit the program would get EMFILE. (The soft limit
 * Node has raised to the hard one.)
 */
const OPEN_FILES = 1 << 20;

/** Behind standard input, output and error. */
const CHANNEL_FD = 3;

/** After the last call, when what it began is over and the threads have tidied up, this process gives back what it does not need. */
const TIDY_AFTER_MS = 15_000;

let host: MirrorHost | null = null;
let guarded: readonly number[] = [];
let ending = false;
/** Runs while one program of the agent takes over from another. */
let agentAwaited: NodeJS.Timeout | undefined;

const channel = new IpcChannel(
  CHANNEL_FD,
  (message) => receive(message as MirrorRequest),
  () => {
    if (ending) process.exit(0);
    void emergency(1, true);
  },
);
setCloseOnExec(CHANNEL_FD);

function send(message: MirrorMessage): void {
  if (channel.isOpen) channel.send(message);
}

/** The agent is gone, or this process is broken: nobody may be told anything any more, then everything comes down. */
async function emergency(exitCode: number, isAgentGone = false): Promise<void> {
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(exitCode), EMERGENCY_LIMIT_MS).unref();
  try {
    await host?.freeze();
  } catch {
    // Nothing is served.
  }
  killGroups(guarded);
  try {
    // Of a server that nobody named nothing is known. While the agent lives it is the agent that decides.
    if (isAgentGone && guarded.length > 0) await host?.tellEnd((limitMs) => groupsEnd(guarded, limitMs));
  } catch (error) {
    console.error(`the other host could not be told of the end: ${describeError(error).message}`);
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
  const takenOver = inherited && resumed && takeOver(inherited, resumed);
  host = new MirrorHost(options, import.meta.dirname, (event) => send({ event }), inherited, takenOver);
  if (takenOver) await host.resume(takenOver);
}

/** Receives from the keeper what was left to this process. */
function takeOver({ keeperFd }: Inherited, { mount, kept, held }: Resumed): TakenOver {
  const fds: number[] = [];
  while (fds.length < 2 + kept.length) {
    const message = receiveLocal(keeperFd);
    if (message === null || message === 'ended') throw new MirrorError('agent-gone', 'the agent has ended');
    fds.push(...message.fds);
  }
  const [fuseFd = -1, backingFd = -1, ...files] = fds;
  return {
    mount: { ...mount, fuseFd, backingFd },
    kept: new Map(kept.map((ino, index) => [ino, files[index] ?? -1])),
    held,
  };
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
  if (method === 'resumes') return RESUME_VERSION;
  if (method === 'awaitAgent') {
    const [limitMs] = params as readonly [number | null];
    clearTimeout(agentAwaited);
    if (limitMs === null) return undefined;
    agentAwaited = setTimeout(() => {
      console.error(`no agent has taken over within ${limitMs} ms`);
      void emergency(1);
    }, limitMs);
    return undefined;
  }
  if (!host) throw new MirrorError('wrong-state', 'this mirror is not open');
  if (method === 'close') ending = true;
  const call = host[method].bind(host) as (...values: readonly unknown[]) => Promise<unknown>;
  return call(...params);
}

let tidying: NodeJS.Timeout | null = null;

function tidyLater(): void {
  if (tidying) clearTimeout(tidying);
  tidying = setTimeout(() => {
    collectGarbage();
    trimMemory();
    try {
      dropProgramPages();
    } catch (error) {
      console.error(`The program stays in memory as a whole: ${describeError(error).message}`);
    }
  }, TIDY_AFTER_MS).unref();
}

/** Calls are carried out one after the other, except those that have to get past one that waits. */
const URGENT = new Set<string>([
  'freeze',
  'pause',
  'thaw',
  'goAlone',
  'abort',
  'guard',
  'record',
  'awaitAgent',
  'reconfigure',
]);
let queue: Promise<unknown> = Promise.resolve();

function receive(request: MirrorRequest): void {
  const run = async () => {
    try {
      const result = await handle(request);
      send(result === undefined ? { id: request.id } : { id: request.id, result });
    } catch (error) {
      // What nobody foresaw has to be found: with its place.
      if (!(error instanceof MirrorError)) console.error(error);
      send({ id: request.id, error: describeError(error) });
    }
    if (request.method === 'close') channel.end();
    else tidyLater();
  };
  if (URGENT.has(request.method)) void run();
  else queue = queue.then(run);
}

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
for (const prepare of [
  () => writeFileSync('/proc/self/oom_score_adj', '-1000'),
  setIoFlusher,
  () => raiseOpenFileLimit(OPEN_FILES),
]) {
  try {
    prepare();
  } catch {
    // Best effort: not every container allows it.
  }
}
