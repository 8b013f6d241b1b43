import type { FrameHeader } from '../../../agent/mirror/link/sealer.ts';
import type { LineageEntry } from '../../../agent/mirror/mirror.ts';

export interface Frame {
  readonly header: FrameHeader;
  readonly payload: Buffer;
}

/** What a process does with its end of a connection. */
export interface Receiver {
  readonly receive: (frame: Frame) => void;
  /** The other end is closed, or gone; everything that came from it was received before. */
  readonly ended: () => void;
}

/** Both ends of a connection. */
export interface Ends {
  receiveAt(side: 'primary' | 'follower', receiver: Receiver): void;
  send(from: 'primary' | 'follower', frame: Frame): void;
  /** The other end learns of it behind everything that was sent, or finds out. */
  close(side: 'primary' | 'follower'): void;
  /** The host is gone. @param silently its system says nothing any more */
  vanish(side: 'primary' | 'follower', silently: boolean): void;
}

/** @param failure null: it is done */
export type Done = (failure: string | null) => void;

/** A mirror process that serves. */
export interface ServingMirror {
  /** Nothing is answered. */
  readonly isFrozen: boolean;
  /** Nothing that it still does has any effect. */
  readonly isOver: boolean;
  /** The guest writes, and asks for it to be durable when it is written. */
  write(write: number): void;
  /** The disk has lost something that it had taken. */
  diskFails(): void;
  attach(id: string, epoch: number, done: Done): void;
  /** @param entry durable here by now @param done when the follower has it, or there is none */
  enterEpoch(entry: LineageEntry, done: Done): void;
  /** Returns false when there is nobody whose loss could be waited out. */
  hold(): boolean;
  goAlone(): void;
  freeze(): void;
  /** @param done when both replicas are durable, as far as there are two */
  release(done: Done): void;
  /** After the agent's death, frozen and with the server dead: the follower is told, and this process ends. */
  tellEnd(done: () => void): void;
  /** Whatever is held fails, and the mount is gone. */
  abort(): void;
  /** The process is gone, with whatever it had in memory. Its mount is still there, and answers nobody. */
  dies(): void;
  vanish(silently: boolean): void;
  /** Later, as long as the process is there. */
  whenItRuns(ms: number, run: () => void): void;
}

/** A mirror process that follows. */
export interface FollowingMirror {
  readonly id: string;
  /** A primary connects. */
  accept(connection: Ends): void;
  /** @throws MirrorError, or what keeps it from being durable */
  enterEpoch(entry: LineageEntry): void;
  /** Applies what has arrived, and ends the session. */
  stop(): void;
  /** The process is gone. */
  dies(): void;
  vanish(silently: boolean): void;
}
