/** Length-prefixed JSON on a stream: 4 bytes, big endian, then the text. */

/** Larger messages end the connection: nothing that agents tell one another comes near it. */
export const maximumMessageBytes = 1 << 20;

export class FramingError extends Error {
  override readonly name = 'FramingError';
}

export function encodeMessage(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  if (body.length > maximumMessageBytes) {
    throw new FramingError(`a message of ${String(body.length)} bytes is over the limit`);
  }
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Cuts a byte stream into messages. */
export class MessageDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /** @throws FramingError when the other end does not keep to the format; the connection is of no use then. */
  push(chunk: Buffer): unknown[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const messages: unknown[] = [];
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (length > maximumMessageBytes) {
        throw new FramingError(
          `announces a message of ${String(length)} bytes, over the limit of ${String(maximumMessageBytes)}`,
        );
      }
      if (this.#pending.length < 4 + length) break;
      const text = this.#pending.toString('utf8', 4, 4 + length);
      this.#pending = this.#pending.subarray(4 + length);
      try {
        messages.push(JSON.parse(text));
      } catch (error) {
        throw new FramingError('sent something that is not JSON', { cause: error });
      }
    }
    return messages;
  }
}
