import { execFile, execFileSync } from 'node:child_process';

/** What a command said. `code` is null when it was ended by a signal. */
export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Milliseconds; the command is killed after it. Default 60 s. */
  readonly timeoutMs?: number;
}

/** Runs a command (an argument list, never a shell string) to its end, whatever its exit code. Rejects only when it cannot be started. */
export function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file, ...rest] = argv;
  if (file === undefined) throw new Error('tryRun needs a command.');
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      rest,
      {
        cwd: options.cwd,
        env: options.env ?? process.env,
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
        encoding: 'utf8',
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'string') reject(new Error(`${argv.join(' ')}: ${error?.message ?? code}`));
        else resolve({ code: error?.killed === true ? null : (code ?? null), stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** Like tryRun; any exit code but 0 rejects with the command and what it said. Returns its standard output. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(argv, options);
  if (result.code !== 0) throw new Error(describeFailure(argv, result));
  return result.stdout;
}

export function describeFailure(argv: readonly string[], result: RunResult): string {
  const said = `${result.stderr}${result.stdout}`.trim().slice(-2000);
  return `${argv.join(' ')} ended with ${result.code === null ? 'a signal or its time-out' : `code ${result.code}`}${said === '' ? '' : `:\n${said}`}`;
}

/** Synchronous and quiet: for clean-up in exit handlers, where nothing can be awaited. Returns whether it succeeded. */
export function runSyncQuietly(argv: readonly string[]): boolean {
  const [file, ...rest] = argv;
  if (file === undefined) return false;
  try {
    execFileSync(file, rest, { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}
