import os from 'node:os';
import net from 'node:net';
import { ErrnoError, errnos, negativeErrno, orThrow } from './errno.ts';
import { bind } from './library.ts';
import { cString } from './bytes.ts';

type Bytes = Uint8Array;
const c = {
  socket: bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)'),
  bind: bind<(fd: number, address: Bytes, length: number) => number>('int bind(int, const void *, uint32_t)'),
  listen: bind<(fd: number, backlog: number) => number>('int listen(int, int)'),
  accept4: bind<(fd: number, address: Bytes, length: Bytes, flags: number) => number>(
    'int accept4(int, void *, void *, int)',
  ),
  connect: bind<(fd: number, address: Bytes, length: number) => number>('int connect(int, const void *, uint32_t)'),
  getsockname: bind<(fd: number, address: Bytes, length: Bytes) => number>('int getsockname(int, void *, void *)'),
  getpeername: bind<(fd: number, address: Bytes, length: Bytes) => number>('int getpeername(int, void *, void *)'),
  setsockopt: bind<(fd: number, level: number, option: number, value: Bytes, length: number) => number>(
    'int setsockopt(int, int, int, const void *, uint32_t)',
  ),
  getsockopt: bind<(fd: number, level: number, option: number, value: Bytes, length: Bytes) => number>(
    'int getsockopt(int, int, int, void *, void *)',
  ),
  send: bind<(fd: number, buffer: Bytes, length: number, flags: number) => number>(
    'int64_t send(int, const void *, size_t, int)',
  ),
  recv: bind<(fd: number, buffer: Bytes, length: number, flags: number) => number>(
    'int64_t recv(int, void *, size_t, int)',
  ),
  shutdown: bind<(fd: number, how: number) => number>('int shutdown(int, int)'),
  ifNameToIndex: bind<(name: Bytes) => number>('uint32_t if_nametoindex(const void *)'),
  inetPton: bind<(family: number, text: Bytes, result: Bytes) => number>('int inet_pton(int, const void *, void *)'),
};

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_KEEPALIVE = 9;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
const MSG_NOSIGNAL = 0x4000;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** An IP address and a port. `address` is a number form, IPv6 with an optional `%interface`. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

function encode({ address, port }: SocketAddress): Buffer {
  const [ip = '', scope] = address.split('%');
  const family = net.isIP(ip);
  if (family === 0) throw new ErrnoError(errnos.EINVAL, 'socket', `${address} is no IP address`);
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  c.inetPton(family === 4 ? AF_INET : AF_INET6, cString(ip), bytes.subarray(family === 4 ? 4 : 8));
  if (family === 6 && scope !== undefined) {
    const index = c.ifNameToIndex(cString(scope));
    if (index === 0) throw new ErrnoError(errnos.ENODEV, 'if_nametoindex', scope);
    bytes.writeUInt32LE(index, 24);
  }
  return bytes;
}

function decode(bytes: Buffer): SocketAddress {
  const port = bytes.readUInt16BE(2);
  if (bytes.readUInt16LE(0) === AF_INET) return { address: bytes.subarray(4, 8).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + index * 2).toString(16));
  const scope = bytes.readUInt32LE(24);
  const interfaceName = Object.entries(os.networkInterfaces()).find(([, addresses]) =>
    addresses?.some((each) => each.family === 'IPv6' && each.scopeid === scope),
  )?.[0];
  // The WHATWG URL parser knows the canonical short form.
  const short = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  return { address: scope !== 0 && interfaceName !== undefined ? `${short}%${interfaceName}` : short, port };
}

function addressCall(call: (fd: number, address: Bytes, length: Bytes) => number, fd: number, name: string) {
  const bytes = Buffer.alloc(28);
  const length = Buffer.from(Uint32Array.of(bytes.length).buffer);
  const result = orThrow(call(fd, bytes, length), name);
  return { result, address: decode(bytes) };
}

/** A blocking TCP socket of the family that `address` is of. */
export function tcpSocket(address: string): number {
  const domain = address.includes(':') ? AF_INET6 : AF_INET;
  return orThrow(c.socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
}

/** bind(2), with SO_REUSEADDR so that a restart need not wait for old connections. Port 0 lets the kernel choose. */
export function bindSocket(fd: number, address: SocketAddress): void {
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.address.includes(':')) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const bytes = encode(address);
  orThrow(c.bind(fd, bytes, bytes.length), 'bind', `${address.address} port ${address.port}`);
}

/** listen(2). */
export function listen(fd: number, backlog = 16): void {
  orThrow(c.listen(fd, backlog), 'listen');
}

/** accept4(2): waits for a connection (EAGAIN after the receive time-out). */
export function accept(fd: number): { readonly fd: number; readonly peer: SocketAddress } {
  const accepted = addressCall(
    (socket, address, length) => c.accept4(socket, address, length, SOCK_CLOEXEC),
    fd,
    'accept4',
  );
  return { fd: accepted.result, peer: accepted.address };
}

/** connect(2). Blocks; the send time-out bounds it (EINPROGRESS when it ran out). */
export function connect(fd: number, address: SocketAddress): void {
  const bytes = encode(address);
  orThrow(c.connect(fd, bytes, bytes.length), 'connect', `${address.address} port ${address.port}`);
}

/** The socket's own address; its port after a bind to port 0. */
export function socketAddress(fd: number): SocketAddress {
  return addressCall(c.getsockname, fd, 'getsockname').address;
}

/** The other end's address. */
export function peerAddress(fd: number): SocketAddress {
  return addressCall(c.getpeername, fd, 'getpeername').address;
}

function setOption(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  orThrow(c.setsockopt(fd, level, option, bytes, 4), 'setsockopt');
}

function setTimeoutOption(fd: number, option: number, milliseconds: number): void {
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1000)), 0);
  timeval.writeBigInt64LE(BigInt(Math.round((milliseconds % 1000) * 1000)), 8);
  orThrow(c.setsockopt(fd, SOL_SOCKET, option, timeval, 16), 'setsockopt');
}

/** Options of a TCP connection; times in milliseconds, 0 for none. */
export interface TcpOptions {
  readonly noDelay?: boolean;
  /** A blocking send gives up with EAGAIN (a connect with EINPROGRESS) after this long. */
  readonly sendTimeoutMs?: number;
  /** A blocking receive or accept gives up with EAGAIN after this long. */
  readonly receiveTimeoutMs?: number;
  /** The connection is dropped (ETIMEDOUT) when sent data stay unacknowledged for this long. */
  readonly userTimeoutMs?: number;
  /** Probe an idle connection after this long, and then as often (whole seconds, at least one). */
  readonly keepAliveMs?: number;
  /** Bytes. */
  readonly sendBuffer?: number;
  /** Bytes. */
  readonly receiveBuffer?: number;
}

/** Sets what `options` name, leaves the rest. */
export function setTcpOptions(fd: number, options: TcpOptions): void {
  if (options.noDelay !== undefined) setOption(fd, IPPROTO_TCP, TCP_NODELAY, options.noDelay ? 1 : 0);
  if (options.sendTimeoutMs !== undefined) setTimeoutOption(fd, SO_SNDTIMEO, options.sendTimeoutMs);
  if (options.receiveTimeoutMs !== undefined) setTimeoutOption(fd, SO_RCVTIMEO, options.receiveTimeoutMs);
  if (options.userTimeoutMs !== undefined) setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.userTimeoutMs);
  if (options.sendBuffer !== undefined) setOption(fd, SOL_SOCKET, SO_SNDBUF, options.sendBuffer);
  if (options.receiveBuffer !== undefined) setOption(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBuffer);
  if (options.keepAliveMs !== undefined) {
    const seconds = Math.max(1, Math.round(options.keepAliveMs / 1000));
    setOption(fd, SOL_SOCKET, SO_KEEPALIVE, options.keepAliveMs > 0 ? 1 : 0);
    setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
    setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  }
}

/** The pending error of a socket (SO_ERROR), positive, 0 for none; reading clears it. */
export function socketError(fd: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.from(Uint32Array.of(4).buffer);
  orThrow(c.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length), 'getsockopt');
  return value.readInt32LE(0);
}

/** send(2) without SIGPIPE, once: may send less than asked. The negative error number on failure. */
export function trySend(fd: number, buffer: Bytes, bytes = buffer.byteLength, flags = 0): number {
  if (bytes > buffer.byteLength) throw new RangeError(`${bytes} bytes asked of a buffer of ${buffer.byteLength}`);
  const result = c.send(fd, buffer, bytes, flags | MSG_NOSIGNAL);
  return result === -1 ? negativeErrno() : result;
}

/** recv(2) into the start of `buffer`: the bytes received, 0 at the end of the connection, or the negative error number. */
export function tryReceive(fd: number, buffer: Bytes, bytes = buffer.byteLength, flags = 0): number {
  if (bytes > buffer.byteLength) throw new RangeError(`${bytes} bytes asked of a buffer of ${buffer.byteLength}`);
  const result = c.recv(fd, buffer, bytes, flags);
  return result === -1 ? negativeErrno() : result;
}

/** Sends all of `buffer`. Throws at the first error, a send time-out (EAGAIN) among them. */
export function sendFully(fd: number, buffer: Bytes): void {
  let done = 0;
  while (done < buffer.byteLength) {
    const sent = trySend(fd, done === 0 ? buffer : buffer.subarray(done));
    if (sent === -errnos.EINTR) continue;
    if (sent < 0) throw new ErrnoError(-sent, 'send');
    done += sent;
  }
}

/** Fills `buffer`. Returns false when the connection ended before its first byte; throws when it ended later (ECONNRESET) or failed. */
export function receiveFully(fd: number, buffer: Bytes): boolean {
  let done = 0;
  while (done < buffer.byteLength) {
    const got = tryReceive(fd, done === 0 ? buffer : buffer.subarray(done));
    if (got === -errnos.EINTR) continue;
    if (got < 0) throw new ErrnoError(-got, 'recv');
    if (got === 0) {
      if (done === 0) return false;
      throw new ErrnoError(errnos.ECONNRESET, 'recv', 'the connection ended within a message');
    }
    done += got;
  }
  return true;
}

/** shutdown(2): wakes every thread that waits on the socket. A socket that is not connected is left alone. */
export function shutdown(fd: number, how = SHUT_RDWR): void {
  if (c.shutdown(fd, how) === -1) {
    const error = negativeErrno();
    if (error !== -errnos.ENOTCONN) throw new ErrnoError(-error, 'shutdown');
  }
}
