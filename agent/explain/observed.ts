/** What was seen of a phase of a run: nothing but what happened. */
import type { FailbackPlan } from '../core/failback.ts';
import type { TimelineEntry } from '../../schemas/explain.ts';
import type { ResyncDone, ServerTurn } from './trace.ts';
import type { World } from './world.ts';

/** From the quickest to the slowest run, milliseconds. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

/** A beginning or an end of a server, since the phase began. */
export interface Turn extends Pick<ServerTurn, 'host' | 'turn'> {
  readonly after: Span;
}

/** What follows from something that is brought about. */
export interface Phase {
  /** What was brought about: "alpha loses power". */
  readonly says: string;
  /** A fault; the end of one; what an operator does; what comes on top. */
  readonly as: 'fault' | 'end' | 'operator' | 'then';
  /** Where a server ran, or was about to, before and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly turns: readonly Turn[];
  /** The longest that a write of the server had to wait; by host, those worth a word. */
  readonly waits: readonly { readonly host: string; readonly ms: Span }[];
  /** Whether the server had been told of anything that it was safe. */
  readonly hadWritten: boolean;
  /** Where that was written which is not there where the server runs, and who holds it. Null: everything is there. */
  readonly lost: { readonly writtenOn: readonly string[]; readonly heldBy: readonly string[] } | null;
  readonly resyncs: readonly Omit<ResyncDone, 'at'>[];
  /** How it stood on each host at the beginning and at the end. */
  readonly first: readonly TimelineEntry[];
  readonly last: readonly TimelineEntry[];
  /** What an operator was refused, and why. */
  readonly refused: readonly string[];
  /** How long two servers wrote what counted; how long something was left of one beside another. */
  readonly twoServers: Span;
  readonly leftover: Span;
  readonly aside: readonly string[];
  readonly fenced: readonly string[];
  /** Of a failback; `dueAt` is milliseconds from the end of the phase. */
  readonly failback: FailbackPlan | null;
  /** What the core warned of, each once, in its own words. */
  readonly warnings: readonly string[];
  /** It went on as long as it was looked at. */
  readonly isEndless: boolean;
}

const worthTellingMs = 150;

/** Where and when a server began in a phase. */
export function startsOf({ turns }: Pick<Phase, 'turns'>): readonly Turn[] {
  return turns.filter(({ turn }) => turn === 'starts');
}

export function exactly(ms: number): Span {
  return { min: ms, max: ms };
}

/** Takes note of how things stand; what is returned tells what has happened since. */
export function watch(world: World): (step: Pick<Phase, 'says' | 'as' | 'isEndless'>) => Phase {
  const { trace, clock, ledger } = world;
  const begin = clock.now;
  const [turns, resyncs, events, answers] = [
    trace.turns.length,
    trace.resyncs.length,
    trace.events.length,
    world.answered.length,
  ];
  const before = world.runsOn;
  const first = standing(world);
  const { twoServersMs, leftoverMs } = world;
  const aside = world.hosts.map((host) => host.aside.length);
  const hadWritten = ledger.acknowledged.length > 0;
  const missedBefore = missing(world)?.length ?? 0;
  ledger.takeWaits();
  return ({ says, as, isEndless }) => {
    const after = world.runsOn;
    const missed = missing(world) ?? [];
    const said = trace.events.slice(events);
    const isWarning = (code: string): boolean => warningCodes.has(code);
    return {
      says,
      as,
      isEndless,
      before,
      after,
      turns: trace.turns.slice(turns).map(({ host, turn, at }) => ({ host, turn, after: exactly(at - begin) })),
      waits: [...ledger.takeWaits()]
        .filter(([, ms]) => ms >= worthTellingMs)
        .map(([host, ms]) => ({ host, ms: exactly(ms) })),
      hadWritten,
      lost:
        missed.length === 0 || missed.length === missedBefore
          ? null
          : {
              writtenOn: [...new Set(missed.map(({ by }) => by))],
              heldBy: world.hosts
                .filter(({ writes }) => missed.every(({ write }) => writes.has(write)))
                .map(({ name }) => name),
            },
      resyncs: trace.resyncs.slice(resyncs).map(({ from, to, copied }) => ({ from, to, copied })),
      first,
      last: standing(world),
      refused: world.answered.slice(answers).flatMap(({ outcome }) => (outcome.ok ? [] : [outcome.reason])),
      twoServers: exactly(world.twoServersMs - twoServersMs),
      leftover: exactly(world.leftoverMs - leftoverMs),
      aside: world.hosts.flatMap((host, index) => (host.aside.length > (aside[index] ?? 0) ? [host.name] : [])),
      fenced: said.flatMap(({ code, host, text }) =>
        code === 'FAULT' && host && text.includes('fencing') ? [host] : [],
      ),
      failback: sinceNow(world),
      warnings: [...new Set(said.filter(({ code }) => isWarning(code)).map(({ text }) => text))],
    };
  };
}

/** What is worth quoting where nothing else happens. */
const warningCodes: ReadonlySet<string> = new Set(['SERVER_UNHEALTHY', 'CONDITION_FAILED', 'PARKED', 'SERVER_DIED']);

function standing({ hosts, trace }: World): readonly TimelineEntry[] {
  return hosts.flatMap(({ name }) => trace.entries.findLast(({ host }) => host === name) ?? []);
}

/** What was acknowledged and is not where the server runs; null: it runs nowhere, or on both. */
function missing({ runsOn, hosts, ledger }: World): ReturnType<World['ledger']['missingIn']> | null {
  const [name, other] = runsOn;
  const host = hosts.find((each) => each.name === name);
  return host === undefined || other !== undefined ? null : ledger.missingIn(host.writes);
}

function sinceNow({ failback, clock }: World): FailbackPlan | null {
  if (failback === null) return null;
  const { dueAt } = failback;
  return { ...failback, dueAt: dueAt === null ? null : dueAt - clock.now };
}
