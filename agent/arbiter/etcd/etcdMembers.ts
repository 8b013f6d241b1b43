import { RecordError } from '../recordText.ts';
import type { EtcdMember } from './etcdMember.ts';

/** A member that has not answered within this time is no longer waited for alone, milliseconds. */
const patienceMs = 150;
/** The longest that a question may take, milliseconds. */
const answerLimitMs = 1000;

/**
 * The members of an etcd cluster, of which any may answer: the one that answered last is asked first, and the others beside it as soon as
 * it fails or lets one wait ("hedged requests", Dean and Barroso, The Tail at Scale, CACM 56(2), 2013). So a question may reach
 * several members, or one of them after the asker has gone on: it has to be one that may be repeated.
 */
export class EtcdMembers {
  readonly #members: EtcdMember[];
  readonly #onReachable: (reachable: boolean, reason: string) => void;
  #reachable: boolean | null = null;
  /** How many questions were asked, and the latest of them that was answered. */
  #asked = 0;
  #answered = 0;
  /** Whose turn it is among those that are not asked first. */
  #turn = 0;

  constructor(members: readonly EtcdMember[], onReachable: (reachable: boolean, reason: string) => void) {
    this.#members = [...members];
    this.#onReachable = onReachable;
  }

  /** Whether the last question that is over was answered. */
  get reachable(): boolean {
    return this.#reachable === true;
  }

  /**
   * @param question asks one member, and may ask it several times; must give up when the signal aborts
   * @throws RecordError when one answered with what cannot be used; Error that names each member and why it did not answer
   */
  async ask<T>(question: (member: EtcdMember, signal: AbortSignal) => Promise<T>): Promise<T> {
    const number = ++this.#asked;
    const end = new AbortController();
    const limit = setTimeout(() => end.abort(), answerLimitMs);
    try {
      const answer = await this.#firstAnswer(question, end.signal);
      this.#noteAnswer(number, 'it answers');
      return answer;
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof RecordError) this.#noteAnswer(number, message);
      // One that was asked later has an answer by now: that this one has none is no news.
      else if (number > this.#answered) this.#note(false, message);
      throw error;
    } finally {
      clearTimeout(limit);
      end.abort();
    }
  }

  /**
   * Asks one of the members that are not asked first, each in its turn, whatever comes of it: so connection and log-in stand there as well when
   * it is needed. A member forgets the token of one who has not asked it itself for five minutes.
   */
  async askSpare(question: (member: EtcdMember, signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const spare = this.#members.slice(1);
    const member = spare[this.#turn++ % Math.max(1, spare.length)];
    if (member !== undefined) await question(member, AbortSignal.timeout(answerLimitMs)).catch(() => undefined);
  }

  close(): void {
    for (const member of this.#members) member.close();
  }

  #firstAnswer<T>(question: (member: EtcdMember, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const waiting = [...this.#members];
    const failures: string[] = [];
    let asked = 0;
    let patience: NodeJS.Timeout | undefined;
    return new Promise<T>((resolve, reject) => {
      const askNext = (): void => {
        clearTimeout(patience);
        const member = waiting.shift();
        if (member === undefined) return;
        patience = setTimeout(askNext, patienceMs);
        asked += 1;
        question(member, signal).then(
          (answer) => {
            clearTimeout(patience);
            this.#prefer(member);
            resolve(answer);
          },
          (error: unknown) => {
            if (error instanceof RecordError) {
              clearTimeout(patience);
              reject(error);
              return;
            }
            const why = signal.aborted ? `no answer within ${String(answerLimitMs)} ms` : reasonOf(error);
            failures.push(`${member.url}: ${why}`);
            if (waiting.length > 0 && !signal.aborted) askNext();
            else if (failures.length === asked) {
              clearTimeout(patience);
              reject(new Error(`etcd did not answer: ${failures.join('; ')}`, { cause: error }));
            }
          },
        );
      };
      askNext();
    });
  }

  #prefer(member: EtcdMember): void {
    if (this.#members[0] === member) return;
    this.#members.splice(this.#members.indexOf(member), 1);
    this.#members.unshift(member);
  }

  #noteAnswer(number: number, reason: string): void {
    this.#answered = Math.max(this.#answered, number);
    this.#note(true, reason);
  }

  #note(reachable: boolean, reason: string): void {
    if (this.#reachable === reachable) return;
    this.#reachable = reachable;
    this.#onReachable(reachable, reason);
  }
}

/** A connection that was tried at several addresses fails with one error for all. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ');
  return error instanceof Error ? error.message : String(error);
}
