import path from 'node:path';
import { run } from '../platform/children.ts';
import { type Probe, shortened } from './probe.ts';

export interface CommandContext {
  /** Where a relative program starts. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

const outputGraceMs = 100;

/** Whether a program ends with code 0. */
export function commandProbe(argv: readonly string[], { directory, environment }: CommandContext): Probe {
  const [program = '', ...args] = argv;
  return async (signal) => {
    // Through a shell that becomes the program: were the agent itself to start one that lies in a mirror, it would stand still while
    // the mirror does, and only the agent can let that go on.
    const shell = ['-c', 'exec "$0" "$@"', path.resolve(directory, program), ...args];
    const { code, stdout, stderr } = await run('/bin/sh', shell, {
      cwd: '/',
      env: { ...process.env, ...environment },
      signal,
      outputGraceMs,
    });
    if (code === 0) return null;
    const how = code === null ? 'ended by a signal' : `exit code ${code}`;
    // The end of it tells why, most of the time.
    const said = (stderr.trim() || stdout.trim()).slice(-200);
    return shortened(said === '' ? how : `${how}: ${said}`);
  };
}
