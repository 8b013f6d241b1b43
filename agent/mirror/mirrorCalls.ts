import type { MirrorChild } from './childProcess.ts';
import type { MirrorMessage, MirrorMethod, MirrorRequest } from './ipc.ts';
import { MirrorError } from './mirrorError.ts';

interface Waiting {
  readonly request: MirrorRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: MirrorError) => void;
}

/** The calls to a mirror that have no answer yet, through all the processes that carry it. */
export class MirrorCalls {
  /** Which process carries the mirror now. */
  readonly #current: () => MirrorChild;
  readonly #waiting = new Map<number, Waiting>();
  #nextId: number;
  #ended: string | null = null;

  /** @param nextId numbers of calls go on from here */
  constructor(current: () => MirrorChild, nextId: number) {
    this.#current = current;
    this.#nextId = nextId;
  }

  get nextId(): number {
    return this.#nextId;
  }

  get areUnderWay(): boolean {
    return this.#waiting.size > 0;
  }

  /** Those that {@link refuse} would refuse. */
  which(select: (request: MirrorRequest) => boolean): readonly MirrorRequest[] {
    return [...this.#waiting.values()].map(({ request }) => request).filter(select);
  }

  send(method: MirrorMethod | 'open', params: readonly unknown[], child = this.#current()): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        reject(new MirrorError('process-gone', this.#ended));
        return;
      }
      const request: MirrorRequest = { id: this.#nextId++, method, params };
      this.#waiting.set(request.id, { request, resolve, reject });
      this.post(request, child);
    });
  }

  /** Also again, to another process than the one that was asked first. */
  post(request: MirrorRequest, child = this.#current()): void {
    child.channel.send(request, (error) => {
      // A process that has ended is noticed by its end.
      if (child !== this.#current() || child.hasEnded) return;
      const waiting = this.#waiting.get(request.id);
      if (!this.#waiting.delete(request.id)) return;
      waiting?.reject(
        new MirrorError('process-gone', `the mirror process does not take calls any more: ${error.message}`),
      );
    });
  }

  answered(message: Exclude<MirrorMessage, { event: unknown }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new MirrorError(message.error.code, message.error.message));
    else waiting?.resolve(message.result);
  }

  refuse(reason: string, select: (request: MirrorRequest) => boolean): void {
    for (const [id, { request, reject }] of this.#waiting) {
      if (!select(request)) continue;
      this.#waiting.delete(id);
      reject(new MirrorError('process-gone', reason));
    }
  }

  /** Refuses these calls, and all that come later. */
  end(reason: string): void {
    this.#ended = reason;
    this.refuse(reason, () => true);
  }
}
