import { createServer, request, type Server } from 'node:http';
import { chmodSync, rmSync } from 'node:fs';
import { once } from 'node:events';

const answerLimitMs = 10_000;
/** What the name of a socket may be long (sun_path of unix(7)). */
const longestPath = 107;

/** The witness cannot run here, or cannot be asked; the message says what to do. */
export class WitnessError extends Error {
  override readonly name = 'WitnessError';
}

export type Question = 'GET /clusters' | 'POST /reload';

/** The command line asks the running witness by a socket in its folder, which is root's alone. */
export class Control {
  readonly #server: Server;
  readonly #path: string;

  constructor(path: string, answer: (question: string) => Promise<unknown>) {
    this.#path = path;
    this.#server = createServer((incoming, response) => {
      incoming.resume();
      answer(`${incoming.method ?? ''} ${incoming.url ?? ''}`).then(
        (result) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result)),
        (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
    });
  }

  /** @throws WitnessError when another witness runs with this folder */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > longestPath) {
      throw new WitnessError(`The name of the socket ${this.#path} is too long: choose another --folder.`);
    }
    if ((await askControl(this.#path, 'GET /clusters')) !== null) {
      throw new WitnessError(`A witness runs with this folder already: its socket ${this.#path} answers.`);
    }
    rmSync(this.#path, { force: true });
    this.#server.listen(this.#path);
    await once(this.#server, 'listening');
    chmodSync(this.#path, 0o600);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Null: no witness runs there. */
export function askControl(path: string, question: Question): Promise<unknown> {
  const [method, url] = question.split(' ');
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, method, path: url, timeout: answerLimitMs, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new WitnessError(`The witness failed to answer: ${text}`));
        else resolve(JSON.parse(text));
      });
    });
    asked.on('timeout', () => asked.destroy(new WitnessError(`The witness did not answer by ${path}: restart it.`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null);
      else if (error.code === 'EACCES') {
        reject(new WitnessError(`${path} may not be used by this user: run this as root.`));
      } else reject(error);
    });
    asked.end();
  });
}
