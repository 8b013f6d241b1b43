import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { Pair, settle } from './pairHarness.ts';

let pair: Pair;
const holders: Holder[] = [];

afterEach(async () => {
  for (const holder of holders.splice(0)) holder.kill();
  await pair.remove();
});

const HOLDER = `
const fs = require('node:fs');
const directory = process.argv[1];
const [open, removed] = process.argv.slice(2).map(Number);
const fds = [];
for (let n = 0; n < open + removed; n++) {
  const name = directory + '/f' + n;
  const fd = fs.openSync(name, 'w+');
  fs.writeSync(fd, 'file ' + n);
  fds.push(fd);
  if (n >= open) fs.unlinkSync(name);
}
let rounds = 0;
console.log('round', rounds);
process.stdin.on('data', () => {
  const text = Buffer.alloc(100);
  fds.forEach((fd, n) => {
    const expected = 'file ' + n + ' again'.repeat(rounds);
    const got = text.toString('latin1', 0, fs.readSync(fd, text, 0, 100, 0));
    if (got !== expected) throw new Error('file ' + n + ' reads ' + got);
    fs.writeSync(fd, ' again', expected.length);
  });
  console.log('round', ++rounds);
});
process.stdin.on('end', () => process.exit());
`;

/** A program that holds many files open, some of them removed, and reads and writes each of them when it is asked to. */
class Holder {
  readonly #child: ChildProcess;
  #output = '';
  #rounds = -1;
  #waiting: (() => void)[] = [];

  constructor(directory: string, open: number, removed: number) {
    this.#child = spawn(process.execPath, ['-e', HOLDER, directory, String(open), String(removed)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const wake = () => {
      for (const waiting of this.#waiting.splice(0)) waiting();
    };
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#rounds = this.#output.split('round').length - 2;
        wake();
      });
    }
    this.#child.once('close', () => {
      this.#output += ' (ended)';
      wake();
    });
    holders.push(this);
  }

  async reached(round: number): Promise<void> {
    while (this.#rounds < round) {
      if (this.#output.endsWith('(ended)')) throw new Error(this.#output);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Reads and writes every file once more. */
  async again(): Promise<void> {
    const next = this.#rounds + 1;
    this.#child.stdin?.write('again\n');
    await this.reached(next);
  }

  /** Ends the program in order. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    while (!this.#output.endsWith('(ended)')) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

async function killMirror(): Promise<void> {
  const from = pair.alpha.seen.length;
  process.kill(pair.alpha.mirror.pid ?? 0, 'SIGKILL');
  await pair.alpha.event('tookOver', from);
}

/** Programs that hold many files open while the mirror process is killed and the secondary is lost. */
export function openFilesStory({ open, removed, limitMs }: { open: number; removed: number; limitMs: number }): void {
  it(
    `${open} open files, and ${removed} that have no name any more, stay usable across take-overs and the loss of the secondary`,
    async () => {
      pair = await new Pair().open();
      await pair.serve(pair.alpha);
      await pair.join(pair.alpha, pair.beta);
      const holder = new Holder(pair.alpha.directory, open, removed);
      await holder.reached(0);
      await killMirror();
      await pair.goAlone(pair.alpha);
      await holder.again();
      const { progress } = await pair.join(pair.alpha, pair.beta, limitMs);
      expect(progress.kind).toBe('delta');
      await holder.again();
      const from = pair.alpha.seen.length;
      await pair.beta.crash();
      await pair.alpha.event('peerLost', from);
      await pair.goAlone(pair.alpha);
      await holder.again();
      await pair.beta.open();
      await pair.join(pair.alpha, pair.beta, limitMs);
      await killMirror();
      await pair.goAlone(pair.alpha);
      await holder.again();
      await holder.end();
      await pair.join(pair.alpha, pair.beta, limitMs);
      await pair.alpha.mirror.release();
      expect(await settle(pair.alpha.directory, pair.beta.directory, 20_000)).toEqual([]);
    },
    limitMs,
  );
}
