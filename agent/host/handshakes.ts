import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HandshakeGate } from './handshakeGate.ts';

/** Connections whose handshake is not done; with one more, the oldest of them goes. */
const mostUnderWay = 256;

/** The connections of a listener until they have shown who they are: until then they may be anybody's. */
export class Handshakes {
  readonly #gate: HandshakeGate;
  readonly #isExpected: (address: string) => boolean;
  /** By the other end's address and port. */
  readonly #underWay = new Map<string, Socket>();

  /** @param isExpected an address from which as many may begin as come: who has it is to be heard whatever others do */
  constructor(gate: HandshakeGate, isExpected: (address: string) => boolean = () => false) {
    this.#gate = gate;
    this.#isExpected = isExpected;
  }

  /** Whether a new connection may begin its handshake; one that may not is ended. */
  begin(socket: Socket): boolean {
    socket.on('error', () => socket.destroy());
    const address = socket.remoteAddress ?? '';
    if (!this.#isExpected(address) && !this.#gate.admits(address, performance.now())) {
      socket.destroy();
      return false;
    }
    const end = endOf(socket);
    this.#underWay.set(end, socket);
    socket.once('close', () => this.#underWay.delete(end));
    if (this.#underWay.size > mostUnderWay) this.#underWay.values().next().value?.destroy();
    return true;
  }

  done(socket: TLSSocket): void {
    this.#underWay.delete(endOf(socket));
  }

  /** Ends all that are not done. */
  end(): void {
    for (const socket of this.#underWay.values()) socket.destroy();
  }
}

function endOf({ remoteAddress = '', remotePort = 0 }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${String(remotePort)}`;
}
