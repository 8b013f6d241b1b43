/** A log-in that has no answer after this long is given up, milliseconds. It may outlast the question for which it was begun: others need it, too. */
const logInLimitMs = 2000;

/**
 * The token of this host, which any member takes, whichever gave it out. It is asked for once, whoever needs it: the check of a password takes
 * etcd a tenth of a second each time, and modules ask all at once.
 */
export class EtcdLogin {
  #token: string | null = null;
  /** By member: one that does not answer must not keep others from being asked. */
  readonly #underWay = new Map<string, Promise<string>>();

  /**
   * @param member who is asked when there is no token yet
   * @param logIn asks it; gives up when its signal aborts
   * @param signal ends the waiting, not the log-in
   */
  token(member: string, logIn: (signal: AbortSignal) => Promise<string>, signal: AbortSignal): Promise<string> {
    if (this.#token !== null) return Promise.resolve(this.#token);
    let underWay = this.#underWay.get(member);
    if (underWay === undefined) {
      underWay = this.#logIn(member, logIn);
      this.#underWay.set(member, underWay);
    }
    return untilAborted(underWay, signal);
  }

  /** This token is no longer taken. The one that came after it may be. */
  refused(token: string): void {
    if (this.#token === token) this.#token = null;
  }

  async #logIn(member: string, logIn: (signal: AbortSignal) => Promise<string>): Promise<string> {
    try {
      this.#token = await logIn(AbortSignal.timeout(logInLimitMs));
      return this.#token;
    } finally {
      this.#underWay.delete(member);
    }
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error('the log-in is not answered'));
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
