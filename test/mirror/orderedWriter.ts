import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';

/** Writes a number that grows into a file of each directory in turn, now and then durably, and tells every full turn. */
const PROGRAM = `
const fs = require('node:fs');
const files = process.argv.slice(1).map((directory) => fs.openSync(directory + '/turn', 'r+'));
const bytes = Buffer.alloc(8);
for (let turn = 1; ; turn++) {
  bytes.writeDoubleLE(turn);
  for (const file of files) {
    fs.writeSync(file, bytes, 0, 8, 0);
    if (turn % 8 === 0) fs.fdatasyncSync(file);
  }
  fs.writeSync(1, turn + '\\n');
}
`;

/** A program that relies on the order of its writes to several directories. */
export class OrderedWriter {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  /** The last turn that was written in all directories. */
  turn = 0;
  errors = '';

  static prepare(directories: readonly string[]): void {
    for (const directory of directories) fs.writeFileSync(path.join(directory, 'turn'), Buffer.alloc(8));
  }

  /** The turn that is found in each directory. */
  static found(directories: readonly string[]): number[] {
    return directories.map((directory) => fs.readFileSync(path.join(directory, 'turn')).readDoubleLE());
  }

  /** @param start runs a command with its output in pipes, in a process group of its own */
  constructor(
    directories: readonly string[],
    start = (argv: readonly string[]): ChildProcess =>
      spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
  ) {
    this.#child = start([process.execPath, '-e', PROGRAM, ...directories]);
    let output = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (output + text).split('\n');
      output = lines.pop() ?? '';
      this.turn = Number(lines.at(-1) ?? this.turn);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Waits until so many more turns were made. */
  async turns(count: number): Promise<void> {
    const until = this.turn + count;
    for (const limit = Date.now() + 20_000; this.turn < until;) {
      if (Date.now() > limit) throw new Error(`the program is at turn ${this.turn} still; ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** As {@link end}, without waiting for it: a program whose write is held ends only when that is answered. */
  kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended with its host.
    }
  }

  async end(): Promise<void> {
    this.kill();
    await this.#ended;
  }
}

/** What the program wrote later is not there without what it wrote before, and all of what it told is. */
export function expectOrder(turns: readonly number[], told: number): void {
  const [first = 0] = turns;
  expect(turns).toEqual([...turns].sort((a, b) => b - a));
  expect(turns.at(-1)).toBeGreaterThanOrEqual(first - 1);
  expect(turns.at(-1)).toBeGreaterThanOrEqual(told);
}
