/**
 * A program that runs at the operator's desk: keeps a connection to the API of every agent, tells the lab's process what each says as one
 * JSON object a line, and carries the lab's requests. The lab's process itself is on no network of the lab.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../../agent/api/client.ts';
import { RefusedByAgentError } from '../../../agent/api/clientErrors.ts';
import { applyChange } from '../../../agent/cli/applyChange.ts';
import type { ApiMethod, ApiMethods } from '../../../schemas/apiMethods.ts';
import type { ChangedEvent, Snapshot } from '../../../schemas/generated/api.ts';
import type { WatchedHost, WatchMessage, WatchRequest } from './watchMessages.ts';

const retryMs = 150;

function tell(message: WatchMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

class HostWatch {
  #client: ApiClient | null = null;
  #snapshot: Snapshot | null = null;

  constructor(private readonly host: WatchedHost) {}

  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#connection();
      } catch (error) {
        tell({ kind: 'lost', host: this.host.name, reason: (error as Error).message });
      }
      this.#client = null;
      await delay(retryMs);
    }
  }

  drop(): void {
    this.#client?.close();
    this.#lose?.(new Error('the host is switched off'));
  }

  request(method: ApiMethod, params: ApiMethods[ApiMethod]['params']): Promise<object> {
    if (this.#client === null) return Promise.reject(new Error(`The agent on ${this.host.name} is not reachable.`));
    return this.#client.call(method, params, null);
  }

  #lose: ((error: Error) => void) | null = null;

  async #connection(): Promise<void> {
    const lost = new Promise<never>((_resolve, reject) => (this.#lose = reject));
    lost.catch(() => undefined);
    // Read each time: the agent makes a new local token at each start.
    const token = readFileSync(this.host.tokenFile, 'utf8').trim();
    const authority = readFileSync(this.host.authorityFile, 'utf8');
    const { address, port } = this.host;
    const options = { host: address, port, token, authority, client: 'lab', connectTimeoutMs: 2000 };
    const early: ChangedEvent[] = [];
    const client = await ApiClient.connect(options, {
      changed: (event) => (this.#snapshot === null ? early.push(event) : this.#changed(event)),
      log: ({ entries }) => tell({ kind: 'log', host: this.host.name, entries }),
      lost: (error) => this.#lose?.(error),
    });
    try {
      this.#snapshot = null;
      const snapshot = await client.call('cluster.subscribe', { log: true });
      this.#snapshot = snapshot;
      tell({ kind: 'snapshot', host: this.host.name, snapshot });
      for (const event of early) this.#changed(event);
      this.#client = client;
      await lost;
    } finally {
      client.close();
    }
  }

  #changed(event: ChangedEvent): void {
    const old = this.#snapshot;
    if (old === null) return;
    this.#snapshot = applyChange(old, event);
    tell({ kind: 'snapshot', host: this.host.name, snapshot: this.#snapshot });
  }
}

const watches = new Map<string, HostWatch>();
for (const host of JSON.parse(process.argv[2] ?? '[]') as readonly WatchedHost[]) {
  const watch = new HostWatch(host);
  watches.set(host.name, watch);
  void watch.run();
}

async function handle(request: WatchRequest): Promise<void> {
  const watch = watches.get(request.host);
  if (request.kind === 'drop') {
    watch?.drop();
    return;
  }
  try {
    if (watch === undefined) throw new Error(`Nobody watches ${request.host}.`);
    const result = await watch.request(request.method, request.params);
    tell({ kind: 'answer', id: request.id, result, error: null, refusal: null });
  } catch (error) {
    const refusal = error instanceof RefusedByAgentError ? error.refusal : null;
    tell({ kind: 'answer', id: request.id, result: null, error: (error as Error).message, refusal });
  }
}

const input = createInterface({ input: process.stdin });
input.on('line', (line) => void handle(JSON.parse(line) as WatchRequest));
// The lab's process is gone.
input.on('close', () => process.exit(0));
