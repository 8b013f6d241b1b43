import type { TLSSocket } from 'node:tls';
import type { LinkHello, LinkMessage } from '../../schemas/generated/link.ts';
import { LinkMessage as isLinkMessage } from '../../schemas/generated/linkValidators.js';
import { agentProtocolVersion } from '../../schemas/protocolVersion.ts';
import { encodeMessage, MessageDecoder } from './framing.ts';
import type { LinkAllowance } from './linkAllowance.ts';

/** What waits to be sent to a peer that does not read; more means that it is stuck, and the connection is given up. */
const maximumBacklogBytes = 4 << 20;
/** With so much of that waiting, what is told again and again is left out. */
const behindShare = 0.25;

export interface PeerConnectionEvents {
  onHello(connection: PeerConnection, hello: LinkHello): void;
  onMessage(connection: PeerConnection, message: Exclude<LinkMessage, LinkHello>): void;
  onClosed(connection: PeerConnection, reason: string): void;
}

/** One authenticated connection to one host over one network. Its first message must be a hello of our protocol version. */
export class PeerConnection {
  readonly #socket: TLSSocket;
  readonly #events: PeerConnectionEvents;
  readonly #allowance: LinkAllowance | undefined;
  readonly #decoder = new MessageDecoder();
  #greeted = false;
  #closed = false;
  #restsUntil = -Infinity;

  constructor(
    socket: TLSSocket,
    readonly host: string,
    readonly network: string,
    events: PeerConnectionEvents,
    allowance?: LinkAllowance,
  ) {
    this.#socket = socket;
    this.#events = events;
    this.#allowance = allowance;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error: Error) => this.close(error.message));
    socket.on('close', () => this.close('the connection was closed by the other end'));
  }

  /** So much waits to be sent that what may be left out for now had better be. */
  get isBehind(): boolean {
    return this.#socket.writableLength > behindShare * this.#mostBacklogBytes;
  }

  get #mostBacklogBytes(): number {
    return this.#allowance?.backlogBytes ?? maximumBacklogBytes;
  }

  /** Until then it is not read, as the other end has sent more than it may. */
  get restsUntil(): number {
    return this.#restsUntil;
  }

  /** Returns false when the connection is closed, and nothing was sent. */
  send(message: LinkMessage): boolean {
    if (this.#closed) return false;
    if (this.#socket.writableLength > this.#mostBacklogBytes) {
      this.close(`${this.host} does not read what it is sent`);
      return false;
    }
    // What is sent in one turn goes out in one piece.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(encodeMessage(message));
    return true;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#events.onClosed(this, reason);
  }

  #onData(chunk: Buffer): void {
    try {
      const messages = this.#decoder.push(chunk);
      for (const message of messages) {
        if (this.#closed) return;
        this.#receive(message);
      }
      const restMs = this.#allowance?.received(chunk.length, messages.length) ?? 0;
      if (restMs > 0) this.#rest(restMs);
    } catch (error) {
      this.close(`${this.host} ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** What is not read stays with the other end, which stops sending at last. */
  #rest(ms: number): void {
    this.#restsUntil = performance.now() + ms;
    this.#socket.pause();
    setTimeout(() => {
      if (!this.#closed) this.#socket.resume();
    }, ms).unref();
  }

  #receive(message: unknown): void {
    const type = (message as { type?: unknown } | null)?.type;
    if (type === 'hello') {
      // Checked before the schema: another version may well have other messages.
      const version = (message as { protocolVersion?: unknown }).protocolVersion;
      if (version !== agentProtocolVersion) {
        this.close(
          `the agent of ${this.host} speaks version ${String(version)} of the agents' protocol, this one version ${String(agentProtocolVersion)}: install the same release on both`,
        );
        return;
      }
    }
    if (!isLinkMessage(message)) {
      this.close(`${this.host} sent a message that is not valid (${String(type)})`);
      return;
    }
    const valid = message as LinkMessage;
    if (valid.type === 'hello') {
      if (valid.host !== this.host) {
        this.close(`the certificate is that of ${this.host}, the agent calls itself ${valid.host}`);
        return;
      }
      this.#greeted = true;
      this.#events.onHello(this, valid);
    } else if (this.#greeted) {
      this.#events.onMessage(this, valid);
    } else {
      this.close(`${this.host} did not say hello first`);
    }
  }
}
