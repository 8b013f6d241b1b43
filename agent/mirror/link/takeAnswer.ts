import { ByteReader } from './bytes.ts';
import { ToPrimary } from './protocol.ts';
import type { FrameHeader } from './sealer.ts';
import type { SharedState } from './sharedState.ts';

/**
 * Takes a frame of the follower's: acknowledgements at once, since they let replies to the kernel out.
 * @param follower its name
 * @param passOn for what the dispatcher has to decide
 * @returns why the connection is over; null: it is not
 */
export function takeAnswer(
  shared: Pick<SharedState, 'noteAcknowledged' | 'notePeerFlushed' | 'noteHeard'>,
  { type }: Pick<FrameHeader, 'type'>,
  payload: Buffer,
  follower: string,
  passOn: (type: number, payload: Buffer) => void,
): string | null {
  switch (type) {
    case ToPrimary.acknowledged:
      shared.noteAcknowledged(new ByteReader(payload).size());
      return null;
    case ToPrimary.flushed:
      shared.notePeerFlushed(new ByteReader(payload).size());
      return null;
    case ToPrimary.alive:
      shared.noteHeard();
      return null;
    case ToPrimary.failed:
      return `${follower}: ${(JSON.parse(payload.toString('utf8')) as { message: string }).message}`;
    case ToPrimary.refused: {
      const { epoch, reason } = JSON.parse(payload.toString('utf8')) as { epoch: number; reason: string };
      return `refused: epoch ${epoch} (${reason})`;
    }
    default:
      shared.noteHeard();
      passOn(type, payload);
      return null;
  }
}
