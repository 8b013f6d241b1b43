import { hkdfSync } from 'node:crypto';
import { type Gcm, gcm } from '../../platform/gcm.ts';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES, TAG_BYTES } from './protocol.ts';

/**
 * A frame: header (payload length u32, type u8, zero byte, key number u16, number u64, epoch u64, 8 zero bytes), payload encrypted with
 * AES-256-GCM, tag. The header is authenticated as associated data. `number` counts the frames of one direction from 1 and is the
 * nonce: a dropped, repeated or reordered frame does not carry the expected number, a changed one fails its tag.
 *
 * The key of a direction changes as in TLS 1.3 (RFC 8446, 7.2): each secret gives a key and the next secret, and is forgotten then, so that who
 * learns one reads nothing that was sent before. The sender decides when; the key's number in the header tells the receiver.
 */
export interface FrameHeader {
  readonly length: number;
  readonly type: number;
  readonly number: number;
  readonly epoch: number;
}

/** A frame that was not sent by the peer in this place: the session must end, the frame must not be applied. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

/**
 * The first secrets of one connection's two directions. Both nonces enter, so no key ever seals two connections and a recorded connection cannot be replayed.
 */
export function deriveKeys(
  sessionKey: Buffer,
  primaryNonce: Buffer,
  followerNonce: Buffer,
): { toFollower: Buffer; toPrimary: Buffer } {
  const salt = Buffer.concat([primaryNonce, followerNonce]);
  const derive = (label: string) =>
    Buffer.from(hkdfSync('sha256', sessionKey, salt, `understudy mirror 2 ${label}`, 32));
  return { toFollower: derive('primary to follower'), toPrimary: derive('follower to primary') };
}

function putSize(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE((value % 0x1_0000_0000) >>> 0, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function getSize(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}

/** When a sender goes on to the next key. */
export interface KeyLimits {
  readonly frames: number;
  readonly bytes: number;
  readonly ms: number;
}

const keyLimits: KeyLimits = { frames: 1 << 20, bytes: 2 ** 34, ms: 3_600_000 };
/** The clock is looked at every so many frames. An idle mirror sends one a second. */
const FRAMES_PER_LOOK = 64;

/** The keys of one direction, one after the other. */
class KeyChain {
  number = 0;
  gcm: Gcm;
  #next: Buffer;

  constructor(secret: Uint8Array) {
    this.gcm = gcm(expand(secret, 'key'));
    this.#next = expand(secret, 'traffic upd');
  }

  /** The cipher of the next key, which is not in use yet. */
  peek(): Gcm {
    return gcm(expand(this.#next, 'key'));
  }

  advance(next = this.peek()): void {
    this.gcm.end();
    this.gcm = next;
    this.number = (this.number + 1) % 0x1_0000;
    const secret = this.#next;
    this.#next = expand(secret, 'traffic upd');
    secret.fill(0);
  }
}

function expand(secret: Uint8Array, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `understudy mirror 2 ${label}`, 32));
}

/** Bytes of a frame on the wire. */
export function frameBytes(parts: readonly Uint8Array[]): number {
  let bytes = HEADER_BYTES + TAG_BYTES;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/** Seals the frames of one direction, in order. */
export class Sealer {
  readonly #keys: KeyChain;
  readonly #limits: KeyLimits;
  readonly #nonce = Buffer.alloc(12);
  #out = Buffer.allocUnsafe(4096);
  #number: number;
  #framesOfKey = 0;
  #bytesOfKey = 0;
  #keySince = performance.now();

  /** @param number how many frames of this direction were sealed before, by the thread that greeted, all with the first key */
  constructor(secret: Uint8Array, number = 0, limits: KeyLimits = keyLimits) {
    this.#keys = new KeyChain(secret);
    this.#number = this.#framesOfKey = number;
    this.#limits = limits;
  }

  /** Number of the last sealed frame. */
  get number(): number {
    return this.#number;
  }

  /** How often the key has changed. */
  get keyNumber(): number {
    return this.#keys.number;
  }

  /** The frame, ready to be sent. Valid until the next call. */
  seal(type: number, epoch: number, parts: readonly Uint8Array[]): Buffer {
    const total = frameBytes(parts);
    if (this.#out.length < total) this.#out = Buffer.allocUnsafe(total);
    this.sealTo(this.#out, 0, type, epoch, parts);
    return this.#out.subarray(0, total);
  }

  /** As {@link seal}, to a place where there is room for {@link frameBytes}. */
  sealTo(out: Buffer, at: number, type: number, epoch: number, parts: readonly Uint8Array[]): void {
    const total = frameBytes(parts);
    const length = total - HEADER_BYTES - TAG_BYTES;
    if (length > MAX_PAYLOAD_BYTES) throw new BadFrame(`a frame of ${length} bytes is longer than the protocol allows`);
    if (this.#isKeyUsedUp(length)) this.#changeKey();
    this.#number++;
    this.#framesOfKey++;
    this.#bytesOfKey += length;
    out.fill(0, at, at + HEADER_BYTES);
    out.writeUInt32LE(length, at);
    out[at + 4] = type;
    out.writeUInt16LE(this.#keys.number, at + 6);
    putSize(out, this.#number, at + 8);
    putSize(out, epoch, at + 16);
    putSize(this.#nonce, this.#number, 4);
    const content = at + HEADER_BYTES;
    this.#keys.gcm.seal(this.#nonce, out.subarray(at, content), parts, out.subarray(content, at + total));
  }

  #isKeyUsedUp(length: number): boolean {
    const { frames, bytes, ms } = this.#limits;
    if (this.#framesOfKey >= frames || this.#bytesOfKey + length > bytes) return this.#framesOfKey > 0;
    return this.#framesOfKey > 0 && this.#number % FRAMES_PER_LOOK === 0 && performance.now() - this.#keySince > ms;
  }

  #changeKey(): void {
    this.#keys.advance();
    this.#framesOfKey = this.#bytesOfKey = 0;
    this.#keySince = performance.now();
  }
}

/** Opens the frames of one direction, in order. */
export class Opener {
  readonly #keys: KeyChain;
  readonly #nonce = Buffer.alloc(12);
  #number = 0;

  constructor(secret: Uint8Array) {
    this.#keys = new KeyChain(secret);
  }

  /**
   * Reads a header that is not authenticated yet: only its length may be used before `open` succeeded.
   * @throws BadFrame when the length is beyond the bound or the number is not the next one.
   */
  peek(buffer: Buffer): FrameHeader {
    const header = {
      length: buffer.readUInt32LE(0),
      type: buffer.readUInt8(4),
      number: getSize(buffer, 8),
      epoch: getSize(buffer, 16),
    };
    if (header.length > MAX_PAYLOAD_BYTES) {
      throw new BadFrame(
        `a frame announces ${header.length} bytes, more than the ${MAX_PAYLOAD_BYTES} that are allowed`,
      );
    }
    if (header.number !== this.#number + 1) {
      throw new BadFrame(
        `frame ${header.number} came where frame ${this.#number + 1} was due: dropped, repeated or forged`,
      );
    }
    return header;
  }

  /** Decrypts a complete frame where it lies. @throws BadFrame when it was changed on the way. */
  open(header: FrameHeader, frame: Buffer): Buffer {
    putSize(this.#nonce, header.number, 4);
    const keys = this.#keys;
    const keyNumber = frame.readUInt16LE(6);
    const changes = keyNumber !== keys.number;
    const notAuthentic = `frame ${header.number} is not authentic: changed on the way, or sealed with another key`;
    if (changes && keyNumber !== (keys.number + 1) % 0x1_0000) throw new BadFrame(notAuthentic);
    const cipher = changes ? keys.peek() : keys.gcm;
    const payload = frame.subarray(HEADER_BYTES, HEADER_BYTES + header.length);
    const tag = frame.subarray(HEADER_BYTES + header.length, HEADER_BYTES + header.length + TAG_BYTES);
    if (!cipher.open(this.#nonce, frame.subarray(0, HEADER_BYTES), payload, tag)) {
      if (changes) cipher.end();
      throw new BadFrame(notAuthentic);
    }
    // Only a frame that is authentic with the next key may make it the present one.
    if (changes) keys.advance(cipher);
    this.#number = header.number;
    return payload;
  }
}
