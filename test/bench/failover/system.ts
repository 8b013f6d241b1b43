import type { Lab } from '../../lab/harness/lab.ts';
import type { EventName } from './events.ts';
import type { Target } from './serviceWatch.ts';

export const systemNames = ['ours', 'pacemaker', 'oursAddress', 'keepalived'] as const;
export type SystemName = (typeof systemNames)[number];

/** One system with one setting: what is measured side by side with others. */
export interface Contender {
  readonly system: SystemName;
  readonly setting: string;
  readonly target: Target;
  /** Events that it has no counterpart of, with the reason. */
  readonly leftOut: Readonly<Partial<Record<EventName, string>>>;
  /** Events that its service is expected to live through: no start has to be waited for. */
  readonly livesThrough: readonly EventName[];
  /** The longest period of what may notice the event: the moment of the fault is spread over it. */
  readonly phaseMs: (event: EventName) => number;
  /** Makes hosts of its own and starts everything; resolves when alpha serves and beta stands by. */
  readonly open: () => Promise<OpenContender>;
}

/** Where the time from the fault to the start goes; null where it cannot be told. */
export interface Phases {
  /** Until somebody knew. */
  readonly detectionMs: number | null;
  /** Until it ordered a start. */
  readonly decisionMs: number | null;
  /** Until the server's process, or the address, was there. */
  readonly startMs: number | null;
}

export const unknownPhases: Phases = { detectionMs: null, decisionMs: null, startMs: null };

export interface OpenContender {
  readonly lab: Lab;
  /** Brings the event about on alpha. Resolves when it has happened, or when the command for it has ended. */
  readonly inject: (event: EventName) => Promise<void>;
  /** When what serves now was begun, if that was after the moment; by `monotonicMs`. */
  readonly startedAt: (sinceMs: number) => number | null;
  readonly phases: (event: EventName, faultMs: number, startedMs: number) => Promise<Phases>;
  /** Whatever is wrong after the service is back: records that are lost, two servers at once. */
  readonly problems: () => Promise<readonly string[]>;
  /** What its logs said last, for a run that failed. */
  readonly describe: () => Promise<string>;
  readonly close: () => void;
}
