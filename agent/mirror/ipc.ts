import type { Mirror, MirrorEvent } from './mirror.ts';
import type { TakenOver } from './replica/inherited.ts';

/** The calls of a Mirror that travel to its process. */
export type MirrorMethod = Exclude<keyof Mirror, 'events' | 'destroy'>;

/** TakenOver as it travels. */
export type Resumed = Omit<TakenOver, 'kept'> & { readonly kept: readonly (readonly [ino: number, fd: number])[] };

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
