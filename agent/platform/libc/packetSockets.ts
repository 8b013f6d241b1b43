import { ErrnoError, errnos, orThrow } from './errno.ts';
import { close } from './files.ts';
import { bind } from './library.ts';
import { MSG_DONTWAIT, tryReceive, trySend } from './sockets.ts';

type Bytes = Uint8Array;
const c = {
  socket: bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)'),
  bind: bind<(fd: number, address: Bytes, length: number) => number>('int bind(int, const void *, uint32_t)'),
};

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const LONGEST_FRAME = 65_536;

/** Whole Ethernet frames of one type, sent and received on one interface (packet(7)). Needs CAP_NET_RAW. */
export class PacketSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(LONGEST_FRAME);

  constructor(interfaceIndex: number, ethertype: number) {
    // Nothing arrives before it is bound to the interface.
    this.#fd = orThrow(c.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), 'socket');
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ethertype, 2);
    address.writeInt32LE(interfaceIndex, 4);
    try {
      orThrow(c.bind(this.#fd, address, address.length), 'bind', `interface ${interfaceIndex}`);
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  /** Throws ENETDOWN for an interface that is switched off. */
  send(frame: Bytes): void {
    const sent = trySend(this.#fd, frame, frame.byteLength, MSG_DONTWAIT);
    if (sent < 0) throw new ErrnoError(-sent, 'send');
  }

  /** The next frame that has arrived; null when there is none. It is overwritten by the next call. */
  receive(): Bytes | null {
    const got = tryReceive(this.#fd, this.#buffer, this.#buffer.byteLength, MSG_DONTWAIT);
    if (got === -errnos.EAGAIN || got === -errnos.EINTR) return null;
    if (got < 0) throw new ErrnoError(-got, 'recv');
    return this.#buffer.subarray(0, got);
  }

  close(): void {
    close(this.#fd);
  }
}
