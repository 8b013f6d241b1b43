import koffi from 'koffi';
import { ErrnoError, errnos, negativeErrno, orThrow } from './errno.ts';
import { close } from './files.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  socket: bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)'),
  bind: bind<(fd: number, address: Bytes, length: number) => number>('int bind(int, const void *, uint32_t)'),
  listen: bind<(fd: number, backlog: number) => number>('int listen(int, int)'),
  accept4: bind<(fd: number, address: null, length: null, flags: number) => number>(
    'int accept4(int, void *, void *, int)',
  ),
  socketpair: bind<(domain: number, type: number, protocol: number, fds: Bytes) => number>(
    'int socketpair(int, int, int, void *)',
  ),
  connect: bind<(fd: number, address: Bytes, length: number) => number>('int connect(int, const void *, uint32_t)'),
  getsockopt: bind<(fd: number, level: number, option: number, value: Bytes, length: Bytes) => number>(
    'int getsockopt(int, int, int, void *, void *)',
  ),
  sendmsg: bind<(fd: number, message: Bytes, flags: number) => number>('int64_t sendmsg(int, const void *, int)'),
  recvmsg: bind<(fd: number, message: Bytes, flags: number) => number>('int64_t recvmsg(int, void *, int)'),
};

const AF_UNIX = 1;
/** Keeps messages apart, in their order, and tells when the other end is gone. */
const SOCK_SEQPACKET = 5;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** sun_path with its NUL. */
const LONGEST_PATH = 108;

/** The largest message, bytes. */
export const LARGEST_LOCAL_MESSAGE = 32 << 10;
/** The most descriptors that one message carries; the kernel takes no more (unix(7)). */
export const MOST_DESCRIPTORS = 253;

/** A message of another process on this host. Its descriptors belong to the receiver. */
export interface LocalMessage {
  readonly bytes: Buffer;
  readonly fds: readonly number[];
}

/** The process at the other end of a connection, as it was when it connected or listened. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

function addressOf(path: string): Buffer {
  const bytes = Buffer.from(path, 'latin1');
  if (bytes.length === 0 || bytes.length >= LONGEST_PATH || bytes.includes(0)) {
    throw new ErrnoError(errnos.ENAMETOOLONG, 'socket', path);
  }
  const address = Buffer.alloc(2 + bytes.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

const localSocket = (): number => orThrow(c.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), 'socket');

function opened(use: (fd: number) => void): number {
  const fd = localSocket();
  try {
    use(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/** A socket that listens at `path` (a byte string, which must not exist) for {@link connectLocal}. Who may connect is up to the directory. */
export function listenLocal(path: string, backlog = 16): number {
  const address = addressOf(path);
  return opened((fd) => {
    orThrow(c.bind(fd, address, address.length), 'bind', path);
    orThrow(c.listen(fd, backlog), 'listen', path);
  });
}

/** Connects to who listens at `path`. Throws ECONNREFUSED or ENOENT when nobody does. */
export function connectLocal(path: string): number {
  const address = addressOf(path);
  return opened((fd) => void orThrow(c.connect(fd, address, address.length), 'connect', path));
}

/** A socket whose datagrams go to `path`, or with a leading "@" to that abstract name. It never waits: sending throws EAGAIN instead. */
export function connectDatagram(path: string): number {
  const address = addressOf(path);
  // An abstract name begins with a NUL and has no end of its own.
  const length = path.startsWith('@') ? address.length - 1 : address.length;
  if (path.startsWith('@')) address[2] = 0;
  const fd = orThrow(c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
  try {
    orThrow(c.connect(fd, address, length), 'connect', path);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

function socketPair(type: number): readonly [number, number] {
  const fds = Buffer.alloc(8);
  orThrow(c.socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 'socketpair');
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/** Two connected sockets: one for this process, one for a process that it starts. */
export const localPair = (): readonly [number, number] => socketPair(SOCK_SEQPACKET);

/** As {@link localPair}, for a stream of bytes, as Node's own sockets are. */
export const streamPair = (): readonly [number, number] => socketPair(SOCK_STREAM);

/** accept4(2): waits for a connection unless the socket is non-blocking (EAGAIN). */
export function acceptLocal(fd: number): number {
  return orThrow(c.accept4(fd, null, null, SOCK_CLOEXEC), 'accept4');
}

/** Who is at the other end (SO_PEERCRED), vouched for by the kernel. */
export function peerCredentials(fd: number): PeerCredentials {
  const value = Buffer.alloc(12);
  const length = Buffer.from(Uint32Array.of(value.length).buffer);
  orThrow(c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length), 'getsockopt');
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

/** The part of the global that we use; its full types come with a browser's, which we are not. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

// struct msghdr names its parts by address, so they lie in memory that never moves: WebAssembly's.
const MESSAGE_SIZE = 56;
const VECTOR_AT = 64;
const CONTROL_AT = 128;
const CONTROL_HEADER = 16;
const DATA_AT = 4096;
const memory = Buffer.from(new WebAssembly.Memory({ initial: 1 }).buffer);
const header = memory.subarray(0, MESSAGE_SIZE);
const base = BigInt(koffi.address(memory));
const controlSpace = (count: number): number => CONTROL_HEADER + ((count * 4 + 7) & ~7);

/** Fills in struct msghdr for `dataBytes` bytes of data and `controlBytes` of control data, at their places. */
function prepare(dataBytes: number, controlBytes: number): void {
  header.fill(0);
  header.writeBigUInt64LE(base + BigInt(VECTOR_AT), 16);
  header.writeBigUInt64LE(1n, 24);
  if (controlBytes > 0) header.writeBigUInt64LE(base + BigInt(CONTROL_AT), 32);
  header.writeBigUInt64LE(BigInt(controlBytes), 40);
  memory.writeBigUInt64LE(base + BigInt(DATA_AT), VECTOR_AT);
  memory.writeBigUInt64LE(BigInt(dataBytes), VECTOR_AT + 8);
}

/** Sends one message, with descriptors that the receiver gets duplicates of. Returns false when a non-blocking socket cannot take it now. */
export function sendLocal(fd: number, bytes: Bytes, fds: readonly number[] = []): boolean {
  // An empty message could not be told from the end of the connection.
  if (bytes.byteLength === 0 || bytes.byteLength > LARGEST_LOCAL_MESSAGE) {
    throw new RangeError(`a message of ${bytes.byteLength} bytes cannot be sent`);
  }
  if (fds.length > MOST_DESCRIPTORS) throw new RangeError(`${fds.length} descriptors do not fit into one message`);
  memory.set(bytes, DATA_AT);
  prepare(bytes.byteLength, fds.length === 0 ? 0 : controlSpace(fds.length));
  if (fds.length > 0) {
    memory.writeBigUInt64LE(BigInt(CONTROL_HEADER + fds.length * 4), CONTROL_AT);
    memory.writeInt32LE(SOL_SOCKET, CONTROL_AT + 8);
    memory.writeInt32LE(SCM_RIGHTS, CONTROL_AT + 12);
    fds.forEach((each, index) => memory.writeInt32LE(each, CONTROL_AT + CONTROL_HEADER + index * 4));
  }
  for (;;) {
    if (c.sendmsg(fd, header, MSG_NOSIGNAL) !== -1) return true;
    const error = negativeErrno();
    if (error === -errnos.EAGAIN) return false;
    if (error !== -errnos.EINTR) throw new ErrnoError(-error, 'sendmsg');
  }
}

/**
 * Receives one message. 'ended' when the other end is gone, null when a non-blocking socket has none. Throws EMSGSIZE, and closes what came
 * with it, when a message is longer than {@link LARGEST_LOCAL_MESSAGE} or this process cannot take its descriptors.
 */
export function receiveLocal(fd: number): LocalMessage | 'ended' | null {
  const controlBytes = controlSpace(MOST_DESCRIPTORS);
  let got = -1;
  while (got === -1) {
    prepare(LARGEST_LOCAL_MESSAGE, controlBytes);
    got = c.recvmsg(fd, header, MSG_CMSG_CLOEXEC);
    if (got !== -1) break;
    const error = negativeErrno();
    if (error === -errnos.EAGAIN) return null;
    if (error === -errnos.ECONNRESET) return 'ended';
    if (error !== -errnos.EINTR) throw new ErrnoError(-error, 'recvmsg');
  }
  const fds = receivedDescriptors(Number(header.readBigUInt64LE(40)));
  if ((header.readInt32LE(48) & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
    for (const each of fds) close(each);
    throw new ErrnoError(errnos.EMSGSIZE, 'recvmsg');
  }
  if (got === 0 && fds.length === 0) return 'ended';
  return { bytes: Buffer.from(memory.subarray(DATA_AT, DATA_AT + got)), fds };
}

function receivedDescriptors(controlBytes: number): number[] {
  const fds: number[] = [];
  for (let at = 0; at + CONTROL_HEADER <= controlBytes;) {
    const length = Number(memory.readBigUInt64LE(CONTROL_AT + at));
    if (length < CONTROL_HEADER || at + length > controlBytes) break;
    const level = memory.readInt32LE(CONTROL_AT + at + 8);
    const type = memory.readInt32LE(CONTROL_AT + at + 12);
    for (let offset = CONTROL_HEADER; offset + 4 <= length; offset += 4) {
      if (level === SOL_SOCKET && type === SCM_RIGHTS) fds.push(memory.readInt32LE(CONTROL_AT + at + offset));
    }
    at += (length + 7) & ~7;
  }
  return fds;
}
