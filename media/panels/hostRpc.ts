import type { RpcResponse } from '../../schemas/generated/api.ts';

interface VsCodeApi {
  postMessage(message: unknown): void;
  setState(state: unknown): void;
  getState(): unknown;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** What the editor or the agent refused, with its reason for people. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

interface Pending {
  readonly resolve: (result: object) => void;
  readonly reject: (error: Error) => void;
}

/** JSON-RPC with the extension host, which relays what a page may do to the agents. */
export class HostRpc {
  readonly #api = acquireVsCodeApi();
  readonly #pending = new Map<number, Pending>();
  readonly #handlers = new Map<string, (params: never) => void>();
  /** Another beginning for each page: what an earlier page of this panel asked for is not taken for an answer to this one. */
  #nextId = Math.floor(Math.random() * 2 ** 40);

  constructor() {
    window.addEventListener('message', ({ data }: MessageEvent<unknown>) => this.#receive(data));
  }

  on<P>(method: string, handler: (params: P) => void): void {
    this.#handlers.set(method, handler);
  }

  notify(method: string, params?: object): void {
    this.#api.postMessage({ jsonrpc: '2.0', method, ...(params !== undefined && { params }) });
  }

  /** @throws Refused */
  request(method: string, params: object): Promise<object> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#api.postMessage({ jsonrpc: '2.0', id, method, params });
    });
  }

  /** What the editor gives back when it restores the panel. */
  keep(state: object): void {
    this.#api.setState(state);
  }

  /** What was kept; undefined: nothing was. */
  kept(): unknown {
    return this.#api.getState();
  }

  #receive(data: unknown): void {
    if (typeof data !== 'object' || data === null || !('jsonrpc' in data)) return;
    if ('method' in data) {
      const { method, params } = data as unknown as { method: string; params: never };
      this.#handlers.get(method)?.(params);
      return;
    }
    const { id, result, error } = data as RpcResponse;
    const pending = id === null ? undefined : this.#pending.get(id);
    if (pending === undefined || id === null) return;
    this.#pending.delete(id);
    if (error) pending.reject(new Refused(error.message, error.data?.code ?? 'FAILED'));
    else pending.resolve(result ?? {});
  }
}
