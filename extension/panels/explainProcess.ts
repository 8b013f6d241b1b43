import { fork, type ChildProcess } from 'node:child_process';
import type { ExplainAnswer, ExplainFile } from '../../schemas/explain.ts';

/** What takes longer is given up with its process. */
const answerLimitMs = 30_000;
/** A process that ends so often within the time is not started again by itself. */
const maxEnds = 3;
const endsWithinMs = 60_000;

type Asked = Omit<ExplainAnswer, 'id'>;

/** The process that plays failures with the agent's own core, apart from the editor: kept as long as somebody asks, and started again when it ends. */
export class ExplainProcess {
  readonly #program: string;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<number, { readonly answer: (asked: Asked) => void; readonly limit: NodeJS.Timeout }>();
  #child: ChildProcess | null = null;
  #next = 1;
  #ends: number[] = [];

  /** @param program path of the bundled program */
  constructor(program: string, log: (line: string) => void) {
    this.#program = program;
    this.#log = log;
  }

  /** Resolves with what can be told. One that a later question about the same file has overtaken fails. Never rejects. */
  ask(module: ExplainFile, others: readonly ExplainFile[]): Promise<Asked> {
    const child = this.#started();
    if (child === null) {
      const what = 'The process that explains modules has ended again and again';
      return Promise.resolve(
        failed(`${what}: change the file, or try again in a minute. “Understudy: Show Log” tells more.`),
      );
    }
    const id = this.#next++;
    return new Promise((answer) => {
      const limit = setTimeout(() => {
        const within = `${String(answerLimitMs / 1000)} s`;
        this.#log(`explaining ${module.path} took longer than ${within}`);
        this.#settle(id, failed(`This was not explained: it took longer than ${within}.`));
        child.kill('SIGKILL');
      }, answerLimitMs);
      this.#waiting.set(id, { answer, limit });
      child.send({ id, module, others }, (error) => {
        if (error) this.#settle(id, failed(error.message));
      });
    });
  }

  /** Nobody asks any more. What is under way is answered with a failure. */
  dispose(): void {
    const child = this.#child;
    this.#child = null;
    child?.kill();
    this.#failAll('nobody looks at it any more');
  }

  #started(): ChildProcess | null {
    if (this.#child !== null) return this.#child;
    const now = performance.now();
    this.#ends = this.#ends.filter((at) => now - at < endsWithinMs);
    if (this.#ends.length >= maxEnds) return null;
    const child = fork(this.#program, [], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      // The editor's own program is Node only when it is told so.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    });
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => this.#log(text.toString('utf8').trimEnd()));
    child.on('message', (message) => {
      const { id, ...asked } = message as ExplainAnswer;
      this.#settle(id, asked);
    });
    child.on('error', (error) => this.#gone(child, error.message));
    child.on('exit', (code, signal) => this.#gone(child, `it ended with ${String(code ?? signal)}`));
    return child;
  }

  #settle(id: number, asked: Asked): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    clearTimeout(waiting.limit);
    this.#waiting.delete(id);
    waiting.answer(asked);
  }

  #failAll(why: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, failed(`This was not explained: ${why}.`));
  }

  #gone(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#ends.push(performance.now());
    this.#log(`the process that explains modules is gone: ${why}`);
    this.#failAll(`the process that explains modules has ended (${why})`);
  }
}

function failed(failure: string): Asked {
  return { explained: null, diagnostics: [], failure };
}
