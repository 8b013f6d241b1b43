import { randomInt } from 'node:crypto';
import type { LinkRequest } from '../../schemas/generated/link.ts';
import type { PeerConnection } from './peerConnection.ts';

interface Waiting {
  readonly host: string;
  readonly resolve: (value: Record<string, unknown>) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Another host could not be asked, or did not answer: nothing is known about the outcome. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** Questions that this agent has put to other hosts, until they are answered or cannot be any more. */
export class LinkRequests {
  readonly #waiting = new Map<number, Waiting>();
  /** It begins anywhere: an answer that comes late, to what the agent before this one asked, is none to a question of this one. */
  #lastId = randomInt(2 ** 47);

  /** @throws UnreachableError when nothing is known of the outcome; Error when the other host answered with one. */
  ask(
    connection: PeerConnection,
    method: LinkRequest['method'],
    params: Record<string, unknown>,
    timeoutMs: number,
  ): Promise<Record<string, unknown>> {
    const { host } = connection;
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new UnreachableError(`${host} did not answer within ${String(timeoutMs)} ms`));
      }, timeoutMs);
      this.#waiting.set(id, { host, resolve, reject, timer });
      if (!connection.send({ type: 'request', id, method, params })) this.#fail(id, 'its connection is closed');
    });
  }

  /** A host has answered. What only another one was asked it has no say in. */
  answered(host: string, id: number, result: object | null, error: string | null): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.host !== host) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error !== null || result === null) waiting.reject(new Error(error ?? 'empty answer'));
    else waiting.resolve(result as Record<string, unknown>);
  }

  /** No connection to a host is left. */
  lost(host: string, reason: string): void {
    for (const [id, waiting] of this.#waiting) if (waiting.host === host) this.#fail(id, reason);
  }

  #fail(id: number, reason: string): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.reject(new UnreachableError(`${waiting.host} became unreachable: ${reason}`));
  }
}
