import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { childEnds, type ChildEnd } from '../../platform/adoptedChild.ts';
import { killGroup } from '../../platform/children.ts';
import { setOutOfMemoryScoreBack } from '../../platform/outOfMemory.ts';
import { argumentsOf, findProcesses, hasEnded } from '../processes.ts';
import { ServerError } from '../virtualServer.ts';
import { nameArgument, type QemuFiles } from './qemuArguments.ts';
import { QmpClient, type QmpEvent } from './qmpClient.ts';

/** How long a killed QEMU may take to be gone: it waits in the kernel for disk requests under way. Milliseconds. */
const reapTimeoutMs = 30_000;
/** What is kept of QEMU's error output in a message, bytes. */
const errorExcerpt = 2000;

/** One running QEMU, in a process group of its own. */
export class QemuProcess {
  /** Resolves with how it ended, in words; never rejects. */
  readonly ended: Promise<string>;
  #hasEnded = false;

  private constructor(
    readonly pid: number,
    end: Promise<ChildEnd>,
    private readonly files: QemuFiles,
  ) {
    this.ended = end.then(({ code, signal }) => {
      this.#hasEnded = true;
      return this.#describeEnd(code, signal);
    });
  }

  /** A QEMU that an earlier program of this process started. Throws when it is no child of this process. */
  static adopt(pid: number, files: QemuFiles): QemuProcess {
    const end = childEnds(pid);
    // An agent of an earlier version left it exempt.
    setOutOfMemoryScoreBack(pid);
    return new QemuProcess(pid, end, files);
  }

  /** Rejects with the limit's reason when that is aborted before QEMU is spawned; afterwards the caller has to look. */
  static async start(
    binary: string,
    argv: readonly string[],
    files: QemuFiles,
    limit: AbortSignal,
  ): Promise<QemuProcess> {
    await removeFiles(files);
    // A file and not a pipe: QEMU must be able to write there after the agent's death, too.
    const errors = await open(files.errors, 'w', 0o600);
    try {
      limit.throwIfAborted();
      const child = spawn(binary, argv, { detached: true, stdio: ['ignore', errors.fd, errors.fd] });
      setOutOfMemoryScoreBack(child.pid);
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', (error: NodeJS.ErrnoException) => {
          const help = error.code === 'ENOENT' ? 'Install QEMU or correct the key server.qemu.binary.' : error.message;
          reject(new ServerError('SERVER_START_FAILED', `QEMU ("${binary}") cannot be run. ${help}`, { cause: error }));
        });
      });
      if (child.pid === undefined) throw new ServerError('SERVER_START_FAILED', `QEMU ("${binary}") cannot be run.`);
      const end = new Promise<ChildEnd>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
      return new QemuProcess(child.pid, end, files);
    } finally {
      await errors.close();
    }
  }

  /** Connects to the monitor as soon as QEMU listens. Rejects with SERVER_START_FAILED and QEMU's own words when it ends instead. */
  async connect(limit: AbortSignal, onEvent: (event: QmpEvent) => void): Promise<QmpClient> {
    for (;;) {
      limit.throwIfAborted();
      if (this.#hasEnded) throw new ServerError('SERVER_START_FAILED', `QEMU did not start: ${await this.ended}`);
      try {
        return await QmpClient.open(this.files.socket, onEvent);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== 'ENOENT' && code !== 'ECONNREFUSED' && !this.#hasEnded) throw error;
      }
      await delay(5);
    }
  }

  kill(): void {
    if (!this.#hasEnded) killGroup(this.pid, 'SIGKILL');
  }

  /** True when it ended within the time, milliseconds; false after the time or when the signal came first. */
  async endsWithin(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const timer = new AbortController();
    const waits = signal === undefined ? timer.signal : AbortSignal.any([timer.signal, signal]);
    const timeout = delay(Math.max(0, timeoutMs), false, { signal: waits }).catch(() => false);
    const ended = await Promise.race([this.ended.then(() => true), timeout]);
    timer.abort();
    return ended;
  }

  async #describeEnd(code: number | null, signal: NodeJS.Signals | null): Promise<string> {
    const how = code === null ? `QEMU was ended by ${signal ?? 'a signal'}` : `QEMU ended with code ${code}`;
    const said = (await readFile(this.files.errors, 'utf8').catch(() => '')).trim().slice(-errorExcerpt);
    return said === '' ? how : `${how}: ${said}`;
  }
}

/**
 * Kills what an earlier agent left running of a module: a process counts only if its own arguments name this module and this pid file,
 * since a pid in a file may long belong to something else.
 */
export async function reapQemu(module: string, files: QemuFiles, own: number | null): Promise<readonly string[]> {
  const isOurs = (argv: readonly string[]): boolean =>
    hasPair(argv, '-name', nameArgument(module)) && hasPair(argv, '-pidfile', files.pidFile);
  const noted = Number((await readFile(files.pidFile, 'utf8').catch(() => '')).trim());
  const notedArguments = Number.isInteger(noted) && noted > 0 ? await argumentsOf(noted) : null;
  const found = new Set(await findProcesses(isOurs));
  if (notedArguments !== null && isOurs(notedArguments)) found.add(noted);
  if (own !== null) found.delete(own);

  const killed: string[] = [];
  for (const pid of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') continue;
      throw error;
    }
    if (!(await hasEnded(pid, reapTimeoutMs))) {
      throw new ServerError(
        'SERVER_TIMEOUT',
        `QEMU (process ${pid}) of module ${module} does not end although it was killed: it waits for its disk.`,
      );
    }
    killed.push(`QEMU of module ${module}, process ${pid}`);
  }
  if (own === null) {
    await removeFiles(files);
  }
  return killed;
}

async function removeFiles({ socket, guestAgent, pidFile }: QemuFiles): Promise<void> {
  for (const file of [socket, guestAgent, pidFile]) await rm(file, { force: true });
}

function hasPair(argv: readonly string[], option: string, value: string): boolean {
  return argv.some((argument, index) => argument === option && argv[index + 1] === value);
}
