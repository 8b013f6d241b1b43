import type { MirrorEvent } from '../mirror/mirror.ts';
import type { EventLog } from './eventLog.ts';

/** What the log says of an event. */
export interface Notice {
  readonly level: Parameters<EventLog['add']>[0];
  readonly code: string;
  readonly message: string;
  readonly fields?: Parameters<EventLog['add']>[4];
}

/** Events that an operator has to know of, and that change nothing by themselves. */
export type NoticedEvent = Extract<
  MirrorEvent,
  { type: 'undoGivenUp' | 'diskFailed' | 'diskSilent' | 'rolledBack' | 'tookOver' }
>;

export function noticeOf(
  event: NoticedEvent,
  { self, directories }: { readonly self: string; readonly directories: readonly string[] },
): Notice {
  const below = directories.join(', ');
  switch (event.type) {
    case 'undoGivenUp': {
      const told = `the last consistent state of ${self} is not kept during this resync: ${event.reason}`;
      const message = `${told}; until its end this replica is of no use alone`;
      return { level: 'warn', code: 'UNDO_GIVEN_UP', message };
    }
    case 'diskFailed': {
      const told = `the disk below ${below} on ${self} has failed (${event.error.code}): it lost writes that it had taken`;
      return { level: 'error', code: 'DISK_FAILED', message: `${told}; check the kernel's log and replace it` };
    }
    case 'diskSilent': {
      if (event.silentMs === null) {
        return { level: 'info', code: 'DISK_ANSWERS', message: `the disk of ${self} answers again` };
      }
      const told = `the disk of ${self} below ${below} has not answered for ${(event.silentMs / 1000).toFixed(1)} s`;
      const message = `${told}: the server waits for it. Check the kernel's log; if it stays away, power ${self} off, and the other host takes over`;
      return { level: 'warn', code: 'DISK_SILENT', message };
    }
    case 'rolledBack': {
      const told = `an unfinished resync of ${self} was taken back in ${String(event.durationMs)} ms`;
      return {
        level: 'warn',
        code: 'ROLLED_BACK',
        message: `${told}: it is what it was at epoch ${String(event.epoch)}`,
      };
    }
    case 'tookOver': {
      const { asked, reason, durationMs } = event;
      return asked
        ? { level: 'info', code: 'MIRROR_RENEWED', message: reason, fields: { durationMs } }
        : {
            level: 'warn',
            code: 'MIRROR_TAKEN_OVER',
            message: `${reason}: another one has taken over`,
            fields: { durationMs },
          };
    }
  }
}
