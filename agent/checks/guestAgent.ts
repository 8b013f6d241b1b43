import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { type Probe, shortened } from './probe.ts';

/** Far above any answer to these two commands; bytes. */
const longestAnswer = 65_536;
/** Makes the other side drop what it has of a message: no JSON holds this byte. */
const flush = 0xff;

/**
 * Whether the QEMU guest agent answers, over its channel. Answers to earlier looks may still be on their way, as when the guest stood still:
 * a synchronisation by a number of its own comes first.
 */
export function guestAgentProbe(socketPath: string): Probe {
  return (signal) =>
    new Promise((resolve) => {
      const number = randomInt(1, 2 ** 31);
      const socket = connect({ path: socketPath, signal });
      let held: Buffer = Buffer.alloc(0);
      let isSynchronised = false;
      const end = (found: string | null): void => {
        socket.destroy();
        resolve(found);
      };
      const judge = (answer: Readonly<Record<string, unknown>>): void => {
        if (!isSynchronised && answer['return'] !== number) return;
        if (isSynchronised) {
          end('return' in answer ? null : shortened(`guest-ping was refused: ${JSON.stringify(answer['error'])}`));
          return;
        }
        isSynchronised = true;
        socket.write('{"execute":"guest-ping"}\n');
      };
      socket.once('connect', () => {
        const synchronise = { execute: 'guest-sync-delimited', arguments: { id: number } };
        socket.write(Buffer.concat([Buffer.from([flush]), Buffer.from(`${JSON.stringify(synchronise)}\n`)]));
      });
      socket.on('data', (chunk) => {
        const all = Buffer.concat([held, chunk]);
        held = all.subarray(all.lastIndexOf(flush) + 1);
        for (let at = held.indexOf('\n'); at >= 0; at = held.indexOf('\n')) {
          const answer = objectOf(held.subarray(0, at).toString('utf8'));
          held = held.subarray(at + 1);
          if (answer !== null) judge(answer);
        }
        if (held.length > longestAnswer) end('what answers is no guest agent');
      });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const isMissing = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
        end(isMissing ? 'QEMU has no channel to the guest agent' : error.message);
      });
      socket.once('close', () => end('QEMU closed the channel to the guest agent'));
    });
}

/** Null: a piece of something older. */
function objectOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
