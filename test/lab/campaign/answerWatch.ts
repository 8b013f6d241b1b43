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
  #answers = 0;
  #late: string[] = [];

  constructor(lab: Lab, guests: readonly { readonly name: string; readonly address: string }[]) {
    const program = path.join(repositoryRoot, 'test/lab/campaign/askGuests.mjs');
    const named = guests.map(({ name, address }) => `${name}=${address}`);
    const [file, ...args] = [...lab.operatorPrefix, process.execPath, program, ...named];
    this.#process = spawn(file ?? 'nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#process.pid !== undefined) lab.adopt(this.#process.pid);
    if (this.#process.stdout === null) throw new Error('The asking program has no output.');
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#answers += 1;
      const lateMs = this.#order.take(answer, performance.now());
      if (lateMs === null) return;
      this.#late.push(`${answer.name} boot=${answer.boot}, ${Math.round(lateMs)} ms after the next one`);
    });
  }

  /** Answers so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Answers of servers that another one had followed, since it was asked last. */
  takeLate(): readonly string[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
