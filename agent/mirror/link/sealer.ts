import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES, TAG_BYTES } from './protocol.ts';

/**
 * A frame: header (payload length u32, type u8, three zero bytes, number u64, epoch u64, 8 zero bytes), payload encrypted with
 * AES-256-GCM, tag. The header is authenticated as associated data. `number` counts the frames of one direction from 1 and is the
 * nonce: a dropped, repeated or reordered frame does not carry the expected number, a changed one fails its tag.
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
 * The two keys of one connection. Both nonces enter, so no key ever seals two connections and a recorded connection cannot be replayed.
 */
export function deriveKeys(
  sessionKey: Buffer,
  primaryNonce: Buffer,
  followerNonce: Buffer,
): { toFollower: Buffer; toPrimary: Buffer } {
  const salt = Buffer.concat([primaryNonce, followerNonce]);
  const derive = (label: string) =>
    Buffer.from(hkdfSync('sha256', sessionKey, salt, `understudy mirror 1 ${label}`, 32));
  return { toFollower: derive('primary to follower'), toPrimary: derive('follower to primary') };
}

function putSize(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE((value % 0x1_0000_0000) >>> 0, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function getSize(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}

/** Seals the frames of one direction, in order. */
export class Sealer {
  readonly #key: Buffer;
  readonly #nonce = Buffer.alloc(12);
  #out = Buffer.allocUnsafe(256 * 1024);
  #number: number;

  /** @param number how many frames of this direction were sealed before, by the thread that greeted */
  constructor(key: Buffer, number = 0) {
    this.#key = key;
    this.#number = number;
  }

  /** Number of the last sealed frame. */
  get number(): number {
    return this.#number;
  }

  /** The frame, ready to be sent. Valid until the next call. */
  seal(type: number, epoch: number, parts: readonly Uint8Array[]): Buffer {
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > MAX_PAYLOAD_BYTES) throw new BadFrame(`a frame of ${length} bytes is longer than the protocol allows`);
    const total = HEADER_BYTES + length + TAG_BYTES;
    if (this.#out.length < total) this.#out = Buffer.allocUnsafe(total);
    const out = this.#out;
    this.#number++;
    out.fill(0, 0, HEADER_BYTES);
    out.writeUInt32LE(length, 0);
    out[4] = type;
    putSize(out, this.#number, 8);
    putSize(out, epoch, 16);
    putSize(this.#nonce, this.#number, 4);
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    cipher.setAAD(out.subarray(0, HEADER_BYTES));
    let at = HEADER_BYTES;
    for (const part of parts) {
      if (part.length === 0) continue;
      at += cipher.update(part).copy(out, at);
    }
    cipher.final();
    cipher.getAuthTag().copy(out, at);
    return out.subarray(0, total);
  }
}

/** Opens the frames of one direction, in order. */
export class Opener {
  readonly #key: Buffer;
  readonly #nonce = Buffer.alloc(12);
  #number = 0;

  constructor(key: Buffer) {
    this.#key = key;
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

  /** Decrypts a complete frame. @throws BadFrame when it was changed on the way. */
  open(header: FrameHeader, frame: Buffer): Buffer {
    putSize(this.#nonce, header.number, 4);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce);
    decipher.setAAD(frame.subarray(0, HEADER_BYTES));
    decipher.setAuthTag(frame.subarray(HEADER_BYTES + header.length, HEADER_BYTES + header.length + TAG_BYTES));
    const payload = decipher.update(frame.subarray(HEADER_BYTES, HEADER_BYTES + header.length));
    try {
      decipher.final();
    } catch {
      throw new BadFrame(`frame ${header.number} is not authentic: changed on the way, or sealed with another key`);
    }
    this.#number = header.number;
    return payload;
  }
}
