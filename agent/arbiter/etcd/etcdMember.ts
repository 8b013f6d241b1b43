import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { readError, readToken } from './etcdAnswers.ts';
import type { EtcdLogin } from './etcdLogin.ts';

/** Larger answers are refused, bytes. A record is some hundred. */
const answerLimitBytes = 1 << 20;
/** gRPC's code for "unauthenticated". */
const unauthenticated = 16;
/** gRPC's code for "permission denied". */
const permissionDenied = 7;

/** How members are reached; asked for with every request, since files may change while the agent runs. */
export interface EtcdSecurity {
  /** PEM; what is undefined is not used. */
  tls(): { readonly ca?: string; readonly cert?: string; readonly key?: string };
  user(): User | null;
}

interface User {
  readonly name: string;
  readonly password: string;
}

/** One member of etcd, asked through its JSON gateway (https://etcd.io/docs, "gRPC gateway"; etcd 3.4 or later). */
export class EtcdMember {
  readonly url: string;
  readonly #security: EtcdSecurity;
  readonly #login: EtcdLogin;
  readonly #agent: HttpAgent | HttpsAgent;

  /** @param login the same one for all members */
  constructor(url: string, security: EtcdSecurity, login: EtcdLogin) {
    this.url = url;
    this.#security = security;
    this.#login = login;
    const options = { keepAlive: true, maxSockets: 8, maxFreeSockets: 1 };
    this.#agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /**
   * @param path such as /v3/kv/range
   * @returns the parsed answer
   * @throws Error that says why there is none; nothing is known of the outcome then.
   */
  async ask(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const user = this.#security.user();
    const answer = await (user === null ? this.#post(path, body, null, signal) : this.#askAs(user, path, body, signal));
    const refusal = readError(answer);
    if (refusal === null) return answer;
    const advice =
      refusal.code === permissionDenied && user !== null
        ? ` (give the user "${user.name}" readwrite on the prefix of the arbiter)`
        : '';
    throw new Error(`${refusal.message}${advice}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #askAs(user: User, path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const token = await this.#token(user, signal);
    const answer = await this.#post(path, body, token, signal);
    if (!isTokenRefused(answer)) return answer;
    this.#login.refused(token);
    return this.#post(path, body, await this.#token(user, signal), signal);
  }

  #token(user: User, signal: AbortSignal): Promise<string> {
    return this.#login.token(this.url, (limit) => this.#logIn(user, limit), signal);
  }

  async #logIn({ name, password }: User, signal: AbortSignal): Promise<string> {
    const answer = await this.#post('/v3/auth/authenticate', { name, password }, null, signal);
    const refusal = readError(answer);
    if (refusal !== null) throw new Error(`the log-in of "${name}" failed: ${refusal.message}`);
    return readToken(answer);
  }

  #post(path: string, body: object, token: string | null, signal: AbortSignal): Promise<unknown> {
    const content = JSON.stringify(body);
    const isSecure = this.url.startsWith('https:');
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      signal,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(content),
        ...(token === null ? {} : { authorization: token }),
      },
      ...(isSecure ? this.#security.tls() : {}),
    };
    return new Promise((resolve, reject) => {
      const request = (isSecure ? httpsRequest : httpRequest)(`${this.url}${path}`, options, (response) => {
        const pieces: Buffer[] = [];
        let length = 0;
        response.on('data', (piece: Buffer) => {
          length += piece.length;
          if (length > answerLimitBytes) request.destroy(new Error('its answer is too long to be one of etcd'));
          else pieces.push(piece);
        });
        response.on('error', reject);
        response.on('end', () => {
          try {
            resolve(JSON.parse(Buffer.concat(pieces).toString('utf8')));
          } catch {
            const status = String(response.statusCode);
            reject(new Error(`it answered with HTTP ${status} and no JSON: is its gRPC gateway switched off?`));
          }
        });
      });
      request.on('error', reject);
      request.end(content);
    });
  }
}

function isTokenRefused(answer: unknown): boolean {
  const refusal = readError(answer);
  // The second one: rights were changed since the token was given out.
  return (
    refusal !== null && (refusal.code === unauthenticated || /revision of auth store is old/.test(refusal.message))
  );
}
