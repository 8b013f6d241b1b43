import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { monotonicMs } from './clock.ts';

/** What a daemon says, with the moments at which it said it. */
export class ToldLines {
  readonly #lines: { readonly atMs: number; readonly text: string }[] = [];

  constructor(daemon: ChildProcess) {
    for (const input of [daemon.stdout, daemon.stderr]) {
      if (input) createInterface({ input }).on('line', (text) => this.#lines.push({ atMs: monotonicMs(), text }));
    }
    daemon.unref();
  }

  /** When it first said so, after the moment; null when it did not. */
  firstAfter(sinceMs: number, pattern: RegExp): number | null {
    return this.#lines.find(({ atMs, text }) => atMs >= sinceMs && pattern.test(text))?.atMs ?? null;
  }

  last(count: number): string {
    return this.#lines
      .slice(-count)
      .map(({ text }) => text)
      .join('\n');
  }
}
