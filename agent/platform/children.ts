import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { setOutOfMemoryScoreBack } from './outOfMemory.ts';

/** How a command ended. */
export interface CommandResult {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string;
  /** The command and everything in its process group is killed after this long, milliseconds. */
  readonly timeoutMs?: number;
  /** Kills it as the time-out does. */
  readonly signal?: AbortSignal;
  /** After its end, what it has left running may hold its output open: that is listened to for so much longer, milliseconds. */
  readonly outputGraceMs?: number;
}

/** A command that could not be started, ran out of time or ended with another code than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly result: CommandResult | null;

  constructor(message: string, result: CommandResult | null, cause?: unknown) {
    super(message, { cause });
    this.result = result;
  }
}

/** What is kept of each output stream, bytes: enough for any tool's answer, not for a runaway. */
const outputLimit = 4 << 20;

/**
 * Runs a command to its end in a process group of its own and returns how it ended, whatever its code. Rejects with a CommandError when it
 * cannot be started or runs out of time.
 */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    setOutOfMemoryScoreBack(child.pid);
    let timedOut = false;
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
    };
    options.signal?.addEventListener('abort', kill, { once: true });
    if (options.signal?.aborted) kill();
    const finish = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', kill);
    };
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            kill();
          }, options.timeoutMs);
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        if (output[stream].length < outputLimit) output[stream] += text;
      });
    }
    // A command that does not read its input is free not to.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      finish();
      reject(new CommandError(`Cannot run ${command}: ${error.message}`, null, error));
    });
    child.on('exit', () => {
      if (options.outputGraceMs === undefined) return;
      const grace = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, options.outputGraceMs);
      child.once('close', () => clearTimeout(grace));
    });
    child.on('close', (code, signal) => {
      finish();
      const result = { code, signal, ...output };
      if (timedOut) reject(new CommandError(`${command} did not end within ${options.timeoutMs ?? 0} ms`, result));
      else resolve(result);
    });
  });
}

/** As {@link run}, but any end except code 0 is a CommandError that carries what the command wrote to its error output. */
export async function runOrFail(command: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const result = await run(command, args, options);
  if (result.code === 0) return result.stdout;
  const how = result.code === null ? `signal ${result.signal ?? '?'}` : `code ${result.code}`;
  throw new CommandError(`${command} ended with ${how}: ${result.stderr.trim()}`, result);
}

/** Sends a signal to a process group. Returns false when it is gone. */
export function killGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** The state and the process group of a process; null when it is gone. */
function statOf(pid: string): { readonly state: string; readonly group: number } | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything; what follows the last one is state, parent, group.
    const [state = '', , group = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, group: Number(group) };
  } catch {
    return null;
  }
}

const runs = (state: string): boolean => state !== 'Z' && state !== 'X';

/** Whether a process runs. One that has ended and only waits for its parent to look (a zombie) does not. */
export function processRuns(pid: number): boolean {
  const stat = statOf(String(pid));
  return stat !== null && runs(stat.state);
}

/** Those of the process groups in which anything runs: of a process that has ended a thread may still wait in the kernel. */
export function runningGroups(groups: readonly number[]): readonly number[] {
  const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  const found = new Set<number>();
  for (const pid of pids) {
    const stat = statOf(pid);
    if (stat === null || !groups.includes(stat.group)) continue;
    if (runs(stat.state) || threadsOf(pid) > 1) found.add(stat.group);
  }
  return groups.filter((group) => found.has(group));
}

function threadsOf(pid: string): number {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}
