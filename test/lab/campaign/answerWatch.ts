import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Lab } from '../harness/lab.ts';
import { repositoryRoot } from '../harness/paths.ts';

interface Answer {
  readonly name: string;
  readonly boot: number;
  readonly id: string;
}

/** An answer of a server that another one had followed. */
export interface LateAnswer {
  readonly name: string;
  readonly boot: number;
  /** Since the first answer of the next one, milliseconds. */
  readonly lateMs: number;
}

/** What an answer says about those before it. Every boot of a guest has an id of its own. */
export class AnswerOrder {
  readonly #last = new Map<string, Answer>();
  readonly #over = new Map<string, number>();

  /** How long a boot was over that answers all the same, milliseconds; null when it is as it should be. */
  take(answer: Answer, now: number): number | null {
    const over = this.#over.get(answer.id);
    if (over !== undefined) return now - over;
    const last = this.#last.get(answer.name);
    if (last !== undefined && last.id !== answer.id) this.#over.set(last.id, now);
    this.#last.set(answer.name, answer);
    return null;
  }
}

/** Whether two servers of one module answer the network, as somebody sees it who uses them. */
export class AnswerWatch {
  readonly #process: ChildProcess;
  readonly #order = new AnswerOrder();
  readonly #answers = new Map<string, number>();
  #late: LateAnswer[] = [];
  #isStopped = false;
  #ended: string | null = null;

  constructor(
    lab: Pick<Lab, 'operatorPrefix' | 'adopt'>,
    guests: readonly { readonly name: string; readonly address: string }[],
  ) {
    const program = path.join(repositoryRoot, 'test/lab/campaign/askGuests.mjs');
    const named = guests.map(({ name, address }) => `${name}=${address}`);
    const [file = '', ...args] = [...lab.operatorPrefix, process.execPath, program, ...named];
    this.#process = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#process.pid !== undefined) lab.adopt(this.#process.pid);
    if (this.#process.stdout === null) throw new Error('The asking program has no output.');
    const end = (how: string): void => {
      if (!this.#isStopped) this.#ended ??= `the program that asks the servers for answers ended: ${how}`;
    };
    this.#process.once('error', ({ message }) => end(message));
    this.#process.once('exit', (code, signal) => end(signal ?? `code ${String(code)}`));
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#answers.set(answer.name, this.answersOf(answer.name) + 1);
      const lateMs = this.#order.take(answer, performance.now());
      if (lateMs !== null) this.#late.push({ ...answer, lateMs });
    });
  }

  /** Answers of a module's servers so far. */
  answersOf(name: string): number {
    return this.#answers.get(name) ?? 0;
  }

  /** Why nobody asks any more; null while somebody does. */
  get ended(): string | null {
    return this.#ended;
  }

  /** Answers of servers that another one had followed, since it was asked last. */
  takeLate(): readonly LateAnswer[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }

  stop(): void {
    this.#isStopped = true;
    this.#process.kill('SIGKILL');
  }
}
