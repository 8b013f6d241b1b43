import { once } from 'node:events';
import net from 'node:net';

/** The network between two hosts, for one connection at a time: it can change a bit on its way, fall silent, and break. */
export class WireProxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #silent = false;
  /** Sees all that comes through. */
  onData: ((direction: 'toFollower' | 'toPrimary', data: Buffer) => void) | null = null;
  /** A bit of the next bytes into this direction is changed: of the last one, which is none of a length that would be waited for. */
  #flip: 'toFollower' | 'toPrimary' | null = null;

  private constructor(target: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect(target, '127.0.0.1');
      this.#join(near, far, 'toFollower');
      this.#join(far, near, 'toPrimary');
    });
  }

  /** @param target port that it leads to */
  static async start(target: number): Promise<WireProxy> {
    const proxy = new WireProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  #join(from: net.Socket, to: net.Socket, direction: 'toFollower' | 'toPrimary'): void {
    this.#sockets.add(from);
    from.on('data', (data: Buffer) => {
      if (this.#silent) return;
      this.onData?.(direction, data);
      if (this.#flip === direction) {
        this.#flip = null;
        const at = data.length - 1;
        data.writeUInt8(data.readUInt8(at) ^ 4, at);
      }
      to.write(data);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      if (!this.#silent) to.destroy();
    });
  }

  flipNext(direction: 'toFollower' | 'toPrimary'): void {
    this.#flip = direction;
  }

  /** Nothing comes through any more, and nobody is told. */
  fallSilent(): void {
    this.#silent = true;
  }

  /** Both ends are told at once. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop(): void {
    this.#server.close();
    this.reset();
  }
}
