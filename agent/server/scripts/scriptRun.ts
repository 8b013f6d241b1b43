import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { killGroup } from '../../platform/children.ts';
import { setOutOfMemoryScoreBack } from '../../platform/outOfMemory.ts';
import { ServerError } from '../virtualServer.ts';

/** A program that an operator wrote, as the module's file names it. */
export interface Script {
  /** What it is told in UNDERSTUDY_ACTION: "start". */
  readonly action: string;
  /** For people: "start script". */
  readonly title: string;
  /** The key of the module's file that names it. */
  readonly key: string;
  /** Program and arguments; a relative program starts at `directory`. */
  readonly argv: readonly string[];
  readonly directory: string;
}

export interface ScriptCall extends Script {
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ScriptResult {
  /** null: ended by a signal or by its time-out. */
  readonly code: number | null;
  readonly timedOut: boolean;
  /** What it wrote to both outputs, the end of it. */
  readonly output: string;
}

/** What is kept of a script's output, characters. */
const outputLimit = 4000;
/** After its end a script's background children may hold its output open; we listen for this much longer. Milliseconds. */
const outputGraceMs = 100;

/** The absolute path of a script's program, checked. Rejects with SERVER_CONFIGURATION when it cannot be run. */
export async function scriptProgram({ title, key, argv, directory }: Script): Promise<string> {
  const program = path.resolve(directory, argv[0] ?? '');
  const refuse = (wrong: string, cause?: unknown): ServerError =>
    new ServerError('SERVER_CONFIGURATION', `The ${title} ${program} ${wrong}`, { cause });
  const status = await stat(program).catch(() => null);
  if (status === null) throw refuse(`does not exist (key ${key}).`);
  if (!status.isFile()) throw refuse(`is not a file (key ${key}).`);
  try {
    await access(program, constants.X_OK);
  } catch (error) {
    throw refuse(`is not executable (key ${key}). Make it executable: chmod +x ${program}`, error);
  }
  return program;
}

/**
 * Runs a script in a process group of its own to its end, whatever its exit code. After the time-out or when the signal is aborted the
 * whole group is killed. What a script leaves running in the background after its end stays (a start script's daemon).
 */
export async function runScript(call: ScriptCall): Promise<ScriptResult> {
  const program = await scriptProgram(call);
  call.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // Through a shell that becomes the program: were the agent itself to start one that lies in a mirror, it would stand still while
    // the mirror does, and only the agent can let that go on.
    const child = spawn('/bin/sh', ['-c', 'exec "$0" "$@"', program, ...call.argv.slice(1)], {
      cwd: '/',
      env: { ...process.env, ...call.environment, UNDERSTUDY_ACTION: call.action },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    setOutOfMemoryScoreBack(child.pid);
    let output = '';
    let timedOut = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-outputLimit)));
    }
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, call.timeoutMs);
    call.signal.addEventListener('abort', kill, { once: true });
    const finish = (): void => {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', kill);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    child.once('error', (error) => {
      finish();
      const message = `The ${call.title} ${program} cannot be run: ${error.message}`;
      reject(new ServerError('SERVER_START_FAILED', message, { cause: error }));
    });
    child.once('exit', (code) => {
      const answer = (): void => {
        finish();
        resolve({ code: timedOut ? null : code, timedOut, output: output.trim() });
      };
      const grace = setTimeout(answer, outputGraceMs);
      child.once('close', () => {
        clearTimeout(grace);
        answer();
      });
    });
  });
}

/** How a script failed, and what it wrote. @param timeoutKey the key of the module's file that limits its time */
export function describeFailure(result: ScriptResult, timeoutMs: number, timeoutKey: string): string {
  const how = result.timedOut
    ? `did not end within ${timeoutMs} ms (key ${timeoutKey})`
    : result.code === null
      ? 'was ended by a signal'
      : `ended with code ${result.code}`;
  return `${how}. ${result.output === '' ? 'It wrote nothing.' : `It wrote: ${result.output}`}`;
}
