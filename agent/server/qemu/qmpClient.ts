import { connect, type Socket } from 'node:net';

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU refused a command, or the connection cannot be used any more. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  readonly command: string;
}

/** Far above anything QEMU says; a peer that exceeds it is not QEMU. Bytes. */
const longestMessage = 4 * 1024 * 1024;

/** A connection to QEMU's monitor (QEMU Machine Protocol, docs/interop/qmp-spec). */
export class QmpClient {
  readonly #pending = new Map<number, Pending>();
  #buffered = '';
  #nextId = 1;
  #closed: Error | null = null;
  #greeted: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #onEvent: (event: QmpEvent) => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#end(new QmpError(`The connection to QEMU failed: ${error.message}`)));
    socket.on('close', () => this.#end(new QmpError('QEMU closed the connection.')));
  }

  /**
   * Connects once, negotiates and returns. Rejects with ENOENT or ECONNREFUSED when QEMU does not listen (yet), with QmpError when what
   * listens does not answer as QEMU does.
   */
  static async open(socketPath: string, onEvent: (event: QmpEvent) => void, timeoutMs = 5000): Promise<QmpClient> {
    const socket = connect(socketPath);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new QmpClient(socket);
    client.#onEvent = onEvent;
    const timer = setTimeout(() => client.#end(new QmpError(`QEMU said nothing within ${timeoutMs} ms.`)), timeoutMs);
    try {
      await new Promise<void>((resolve, reject) => {
        client.#greeted = { resolve, reject };
      });
    } finally {
      clearTimeout(timer);
    }
    await client.execute('qmp_capabilities');
    return client;
  }

  /** Runs one command. Rejects with QmpError when QEMU refuses it, does not answer in time, or goes away. */
  execute(command: string, parameters: Readonly<Record<string, unknown>> = {}, timeoutMs = 5000): Promise<unknown> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new QmpError(`QEMU did not answer "${command}" within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer, command });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    });
  }

  close(): void {
    this.#end(new QmpError('The connection to QEMU was closed.'));
  }

  #receive(text: string): void {
    this.#buffered += text;
    for (let end = this.#buffered.indexOf('\n'); end >= 0; end = this.#buffered.indexOf('\n')) {
      const line = this.#buffered.slice(0, end).trim();
      this.#buffered = this.#buffered.slice(end + 1);
      if (line !== '') this.#handle(line);
    }
    if (this.#buffered.length > longestMessage) this.#end(new QmpError('QEMU sent a message without an end.'));
  }

  #handle(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      this.#end(new QmpError(`What answers is not QEMU: ${line.slice(0, 80)}`));
      return;
    }
    if ('QMP' in message) this.#greeted?.resolve();
    else if (typeof message['event'] === 'string') {
      this.#onEvent({ event: message['event'], data: (message['data'] ?? {}) as Record<string, unknown> });
    } else this.#answer(message);
  }

  #answer(message: Record<string, unknown>): void {
    const pending = this.#pending.get(Number(message['id']));
    if (pending === undefined) return;
    this.#pending.delete(Number(message['id']));
    clearTimeout(pending.timer);
    if ('error' in message) {
      const { desc } = message['error'] as { desc?: unknown };
      pending.reject(new QmpError(`QEMU refused "${pending.command}": ${String(desc)}`));
    } else pending.resolve(message['return']);
  }

  #end(error: Error): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#greeted?.reject(error);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
    this.socket.destroy();
  }
}
