import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Makes, moves, links and removes names, and writes and reads back blocks, each call with the outcome that it must have when everything that
 * was asked for happens exactly once. Ends with an error at the first surprise.
 */
const program = `
const fs = require('node:fs');
const [directory, own] = process.argv.slice(1);
const base = directory + '/' + own;
const must = (what, condition) => { if (!condition) throw new Error(own + ': ' + what); };
fs.mkdirSync(base);
const image = fs.openSync(base + '/image', 'wx+');
const removed = fs.openSync(base + '/removed', 'wx+');
fs.unlinkSync(base + '/removed');
const block = Buffer.alloc(4096);
const check = Buffer.alloc(4096);
let slowest = 0;
const timed = (action) => {
  const since = performance.now();
  const result = action();
  slowest = Math.max(slowest, performance.now() - since);
  return result;
};
const steps = [
  (n) => fs.mkdirSync(base + '/d' + n),
  (n) => fs.closeSync(fs.openSync(base + '/d' + n + '/f', 'wx')),
  (n) => fs.linkSync(base + '/d' + n + '/f', base + '/d' + n + '/g'),
  (n) => fs.symlinkSync('f', base + '/d' + n + '/s'),
  (n) => fs.renameSync(base + '/d' + n + '/g', base + '/d' + n + '/h'),
  (n) => must('nlink', fs.statSync(base + '/d' + n + '/f').nlink === 2),
  (n) => fs.writeFileSync(base + '/new', 'content of ' + n, { flag: 'wx' }),
  (n) => fs.renameSync(base + '/new', base + '/current'),
  (n) => must('content', fs.readFileSync(base + '/current', 'utf8') === 'content of ' + n),
  (n) => fs.unlinkSync(base + '/d' + n + '/h'),
  (n) => fs.unlinkSync(base + '/d' + n + '/s'),
  (n) => fs.unlinkSync(base + '/d' + n + '/f'),
  (n) => must('empty', fs.readdirSync(base + '/d' + n).length === 0),
  (n) => fs.rmdirSync(base + '/d' + n),
  (n) => must('gone', !fs.existsSync(base + '/d' + n)),
];
let end = false;
process.on('SIGTERM', () => { end = true; });
process.stdin.resume().on('end', () => process.exit(3));
let n = 0;
const round = () => {
  n++;
  for (const step of steps) timed(() => step(n));
  for (const fd of [image, removed]) {
    const at = (n % 64) * 4096;
    block.fill(n & 255);
    block.writeUInt32LE(n, 0);
    timed(() => fs.writeSync(fd, block, 0, 4096, at));
    if (n % 16 === 0) timed(() => fs.fsyncSync(fd));
    timed(() => fs.readSync(fd, check, 0, 4096, at));
    must('block', check.equals(block));
  }
  if (n % 20 === 0) process.stdout.write('rounds ' + n + ' ' + slowest.toFixed(0) + '\\n');
  if (!end) setImmediate(round);
  else { process.stdout.write('rounds ' + n + ' ' + slowest.toFixed(0) + '\\nended well\\n'); process.exit(0); }
};
process.stdout.write('rounds 0 0\\n');
round();
`;

/** A program that is never idle on a mirror and checks every answer. */
export class BusyGuest {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  constructor(directory: string, name: string) {
    this.#child = spawn(process.execPath, ['-e', program, directory, name], { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  #last(field: number): number {
    return Number((this.#output.match(/rounds \d+ \d+/g)?.at(-1) ?? '').split(' ')[field] ?? 0);
  }

  get rounds(): number {
    return this.#last(1);
  }

  /** Its slowest call so far, milliseconds. */
  get slowest(): number {
    return this.#last(2);
  }

  /** Waits until it has done so many rounds more. */
  async goesOn(rounds = 20, limitMs = 15_000): Promise<void> {
    const until = this.rounds + rounds;
    for (const end = Date.now() + limitMs; this.rounds < until;) {
      if (this.#child.exitCode !== null || Date.now() > end) throw new Error(`the guest stands: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Lets it end its round; what it said last. */
  async end(): Promise<string> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.#output.trim().split('\n').slice(-6).join('\n');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
