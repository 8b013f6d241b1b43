import type { Mirror, MirrorEvent } from './mirror.ts';
import type { TakenOver } from './replica/inherited.ts';

/**
 * What one mirror process leaves to the next: the journal of the mount, and the way in which the keeper gives the rest. A process takes over
 * only what it knows; raise it with every change of the journal's notes or of {@link Resumed}.
 */
export const RESUME_VERSION = 1;

/**
 * The calls of a Mirror that travel to its process, and those of its controller alone. `resumes`: which version of what is left behind the
 * process takes over. `pause`: stops taking requests and finishes those in hand, false when that takes too long. `awaitAgent`: the agent is
 * about to be taken over by another program, which has so many milliseconds until it says null.
 */
export type MirrorMethod = Exclude<keyof Mirror, 'events' | 'destroy' | 'renew'> | 'resumes' | 'pause' | 'awaitAgent';

/** TakenOver as it travels: the descriptors come from the keeper. */
export interface Resumed {
  readonly mount: Omit<TakenOver['mount'], 'fuseFd' | 'backingFd'>;
  /** The inode numbers of files without a name, in the order of their descriptors. */
  readonly kept: readonly number[];
  readonly held: boolean;
}

/** Agent to mirror process. Bytes never travel here, so JSON is enough. */
export interface MirrorRequest {
  readonly id: number;
  readonly method: MirrorMethod | 'open';
  readonly params: readonly unknown[];
}

/** Mirror process to agent: the answer to one request, or an event. */
export type MirrorMessage =
  | { readonly id: number; readonly result?: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } }
  | { readonly event: MirrorEvent };
