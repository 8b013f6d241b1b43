import type { LinkResponse } from '../../schemas/generated/link.ts';

/** At most so many are kept: who asks and never answers a heartbeat takes no memory. */
const most = 32;

/** The answers that were sent on a connection, as long as it is not known that they have arrived. All times are milliseconds of the monotonic clock. */
export class UnprovenAnswers {
  #answers: { readonly sentAt: number; readonly response: LinkResponse }[] = [];

  add(response: LinkResponse, sentAt: number): void {
    this.#answers.push({ sentAt, response });
    if (this.#answers.length > most) this.#answers.shift();
  }

  /** What was sent at this moment has arrived, and so has all that was sent before. */
  arrived(sentAt: number): void {
    this.#answers = this.#answers.filter((each) => each.sentAt >= sentAt);
  }

  /** All of them, which are forgotten. */
  take(): readonly LinkResponse[] {
    const taken = this.#answers.map(({ response }) => response);
    this.#answers = [];
    return taken;
  }
}
