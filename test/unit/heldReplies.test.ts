import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { WaitsFor } from '../../agent/mirror/link/heldReplies.ts';
import { outsideOf } from '../../agent/mirror/link/outside.ts';
import { SharedState } from '../../agent/mirror/link/sharedState.ts';
import { close, eventfd, pipe } from '../../agent/platform/libc.ts';

/** As many as fit into the pipe that stands for /dev/fuse. */
const MANY = 800;
const ERROR_BYTES = 16;

/** An answer to the kernel with the request's number: to a write, a flush (nothing but the header), or a name. */
function answer(number: number, bytes: number): Buffer {
  const reply = Buffer.alloc(bytes);
  reply.writeUInt32LE(bytes, 0);
  reply.writeBigUInt64LE(BigInt(number), 8);
  return reply;
}

interface Answered {
  readonly number: number;
  readonly error: number;
}

class Kernel {
  readonly #ends = pipe();
  readonly shared = new SharedState(outsideOf(this.#ends.writeFd, eventfd()));

  constructor() {
    this.shared.connected(-1, 0);
    this.shared.enterStep();
    this.shared.setHold(true);
  }

  /** Holds answers of every kind, every fourth a flush that waits for both disks. */
  holdMany(from: number, count: number): void {
    for (let number = from; number < from + count; number++) {
      const isFlush = number % 4 === 0;
      const ticket = this.shared.hold(
        answer(number, isFlush ? 16 : number % 4 === 1 ? 24 : 80),
        number,
        isFlush ? WaitsFor.local | WaitsFor.peerFlush : WaitsFor.nothing,
      );
      if (isFlush) this.shared.localDone(ticket);
    }
  }

  acknowledge(from: number, count: number): void {
    this.shared.noteAcknowledged(from + count - 1);
    for (let number = from; number < from + count; number++) if (number % 4 === 0) this.shared.notePeerFlushed(number);
  }

  take(count: number): Answered[] {
    return Array.from({ length: count }, () => {
      const header = Buffer.alloc(ERROR_BYTES);
      fs.readSync(this.#ends.readFd, header);
      const length = header.readUInt32LE(0);
      if (length > ERROR_BYTES) fs.readSync(this.#ends.readFd, Buffer.alloc(length - ERROR_BYTES));
      return { number: Number(header.readBigUInt64LE(8)), error: header.readInt32LE(4) };
    });
  }

  end(): void {
    close(this.#ends.readFd);
    close(this.#ends.writeFd);
  }
}

const inOrder = (count: number, error = 0) => Array.from({ length: count }, (_, at) => ({ number: at + 1, error }));

describe('hundreds of answers to writes, flushes and names', () => {
  it('wait out a freeze whatever the secondary says, and a thaw lets them out in the order of their requests', () => {
    const kernel = new Kernel();
    kernel.holdMany(1, MANY / 2);
    kernel.shared.freeze();
    kernel.holdMany(MANY / 2 + 1, MANY / 2);
    kernel.acknowledge(1, MANY);
    expect(kernel.shared.unacknowledged).toBe(MANY);
    kernel.shared.thaw();
    expect(kernel.take(MANY)).toEqual(inOrder(MANY));
    expect(kernel.shared.unacknowledged).toBe(0);
    kernel.end();
  });

  it('go out in that order, too, when the mirror goes on alone', () => {
    const kernel = new Kernel();
    kernel.holdMany(1, MANY);
    kernel.shared.freeze();
    expect(kernel.shared.unacknowledged).toBe(MANY);
    kernel.shared.goAlone();
    expect(kernel.take(MANY)).toEqual(inOrder(MANY));
    kernel.end();
  });

  it('all become EIO, in that order, when the mirror is aborted, and none is told as done', () => {
    const kernel = new Kernel();
    kernel.holdMany(1, MANY);
    kernel.shared.freeze();
    kernel.acknowledge(1, MANY / 2);
    kernel.shared.abort();
    expect(kernel.take(MANY)).toEqual(inOrder(MANY, -5));
    kernel.end();
  });

  it('of which the secondary has acknowledged a part go out after the thaw up to there, and the rest waits on', () => {
    const kernel = new Kernel();
    kernel.holdMany(1, MANY);
    kernel.shared.freeze();
    kernel.acknowledge(1, 300);
    kernel.shared.thaw();
    expect(kernel.take(300)).toEqual(inOrder(300));
    expect(kernel.shared.unacknowledged).toBe(MANY - 300);
    kernel.end();
  });
});
