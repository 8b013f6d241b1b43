import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** A program that uses the mirror, in a process of its own: it may have to wait, the test must not. */
export class GuestProgram {
  readonly #child: ChildProcess;
  readonly #begun: Promise<unknown>;
  readonly #ended: Promise<string>;
  output = '';
  ended = false;

  /** Runs shell commands; `$1` … are `args`. */
  constructor(script: string, ...args: string[]) {
    this.#child = spawn('sh', ['-c', `exec 3>&-; ${script}`, 'sh', ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    // Closed by the shell before it does anything else.
    const unbegun = this.#child.stdio[3] as Readable;
    this.#begun = once(unbegun.resume(), 'close');
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.ended = true;
        resolve(this.output);
      });
    });
  }

  /** All output, once the program has ended. */
  async end(limitMs = 10_000): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the program still waits; so far ${JSON.stringify(this.output)}`)),
        limitMs,
      );
    });
    try {
      return await Promise.race([this.#ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the program, once it has begun, is still waiting after this time. */
  async waits(ms = 400): Promise<boolean> {
    await this.#begun;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return !this.ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
