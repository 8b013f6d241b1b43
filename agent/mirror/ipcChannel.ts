import { Socket } from 'node:net';

/**
 * One end of the channel between agent and mirror process: one JSON text a line. It ends when the other process ends. Unlike the channel
 * that Node makes for a child its descriptor is known, so that it can outlive the program that the agent runs.
 */
export class IpcChannel {
  readonly fd: number;
  readonly #socket: Socket;
  /** The beginning of a line of which more is to come. */
  #rest: string;
  #open = true;

  /** @param rest what an earlier program of this process had read of a line */
  constructor(fd: number, onMessage: (message: unknown) => void, onEnd: () => void, rest = '') {
    this.fd = fd;
    this.#rest = rest;
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) onMessage(JSON.parse(line));
    });
    // What cannot be sent any more is found by the end of the channel.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#open = false;
      onEnd();
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** What is left to a program that takes this end over; null while something of ours is not sent yet. */
  get rest(): string | null {
    return this.#socket.writableLength === 0 ? this.#rest : null;
  }

  send(message: unknown, onFailed: (error: Error) => void = () => undefined): void {
    this.#socket.write(`${JSON.stringify(message)}\n`, (error) => {
      if (error) onFailed(error);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** What was sent still arrives. */
  end(): void {
    this.#socket.end();
  }
}
