import type { ExplainedFault, TimelineEntry } from '../../../schemas/explain.ts';
import type { StateFacts } from '../../../schemas/panel.ts';

/** `2.4 s`, `14 s`, `3 min 20 s`. */
export function clock(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes} min ${Math.round(seconds - 60 * minutes)} s`;
}

/** How a module stands on a host, in words, with what tells states apart beside their colour. */
export function factsOf({ state, transition, server, frozen, reason }: TimelineEntry): StateFacts {
  const parts = [transition, serverWords[server], frozen ? 'writes wait' : null, reason];
  const label = parts.filter(Boolean).join(', ');
  switch (state) {
    case 'PRIM':
      return { severity: transition === null ? 'good' : 'busy', word: state, label };
    case 'SECOND':
      return { severity: transition === null ? 'good' : 'busy', word: state, label };
    case 'ALONE':
      return { severity: 'warning', word: state, label };
    case 'WAIT':
      return { severity: transition === null ? 'warning' : 'busy', word: state, label };
    case 'STOP':
      return { severity: 'neutral', word: state, label };
    case 'OFF':
      return { severity: 'error', word: state, label };
  }
}

const serverWords: Readonly<Record<TimelineEntry['server'], string | null>> = {
  stopped: null,
  starting: 'server starts',
  running: 'server runs',
  stopping: 'server stops',
  ending: 'server is ended',
  orphaned: 'what is left of the server cannot write any more',
};

/** A fault among the others: which it is stays the same when the text changes. */
export function keyOf({ fault, host, subject }: ExplainedFault): string {
  return JSON.stringify([fault, host, subject]);
}

/** The entry that holds at a moment. */
export function entryAt(timeline: readonly TimelineEntry[], host: string, atMs: number): TimelineEntry | undefined {
  return timeline.findLast((entry) => entry.host === host && entry.atMs <= atMs);
}
