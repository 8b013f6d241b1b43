/** What became of the server: the middle of the sentence. */
import { startsOf, type Phase, type Span, type Turn } from './observed.ts';
import { laterText, spanText } from './words.ts';

/** Of whom the sentences are. */
export interface Told {
  readonly module: string;
  /** In order of preference. */
  readonly hosts: readonly [string, string];
}

/** Goes on after "If alpha loses power,". */
export function mainClause(told: Told, phase: Phase): string {
  const [refused] = phase.refused;
  if (refused !== undefined) return `that is refused: ${refused}`;
  const [was] = phase.before;
  const [server, second] = phase.after;
  if (second !== undefined) return `${told.module} runs on ${phase.after.join(' and on ')} at the same time`;
  if (phase.isEndless && startsOf(phase).length > 1) return againAndAgain(told, phase);
  if (phase.before.length > 1) return oneGoesOn(told, phase, server);
  if (server === undefined) return was === undefined ? staysDown(told, phase) : goesDown(told, phase, was);
  if (was === undefined) {
    return `${told.module} starts on ${server} ${laterText(startOn(phase, server))}${waited(phase)}`;
  }
  return was === server ? stays(told, phase, server) : moves(told, phase, was, server);
}

/** Two ran. */
function oneGoesOn(told: Told, phase: Phase, server: string | undefined): string {
  if (server === undefined) return goesDown(told, phase, phase.before[0] ?? '');
  const end = phase.turns.findLast(({ host, turn }) => host !== server && turn !== 'starts');
  const ended = end === undefined ? '' : `, and is ended on ${end.host} ${laterText(end.after)}`;
  return `${told.module} goes on running on ${server}${ended}`;
}

function againAndAgain({ module }: Told, phase: Phase): string {
  const starts = startsOf(phase);
  const hosts = [...new Set(starts.map(({ host }) => host))];
  const first = laterText(starts[0]?.after ?? { min: 0, max: 0 });
  return `${module} is started on ${hosts.join(' and on ')} again and again, the first time ${first}, until somebody mends it${warned(phase)}`;
}

function stays({ module }: Told, phase: Phase, server: string): string {
  const starts = phase.turns.filter(({ host, turn }) => host === server && turn === 'starts');
  const elsewhere = phase.turns.some(({ host, turn }) => host !== server && turn === 'starts');
  const [start] = starts;
  if (elsewhere) return `${module} moves to the other host and comes back to ${server}`;
  if (start === undefined) return `${module} goes on running on ${server}${waited(phase)}${warned(phase)}`;
  const how = wasAskedToStop(phase, server) ? 'is stopped and started again' : 'is started again';
  const after = laterText(start.after);
  return starts.length === 1
    ? `${module} ${how} on ${server} ${after}${waited(phase)}`
    : `${module} ${how} on ${server} ${String(starts.length)} times, the first time ${after}${warned(phase)}`;
}

function moves({ module }: Told, phase: Phase, from: string, to: string): string {
  const restarts = phase.turns.filter(({ host, turn }) => host === from && turn === 'starts').length;
  const restarted =
    restarts === 0
      ? ''
      : `${module} is started again on ${from} ${restarts === 1 ? 'once' : `${String(restarts)} times`}; then `;
  const end = phase.turns.findLast(({ host }) => host === from);
  const start = startTurn(phase, to);
  if (start === undefined) return `${module} runs on ${to}`;
  const starts = `${module} starts on ${to}`;
  if (end?.turn === 'stops') {
    return `${restarted}${module} is stopped in order on ${from}, and ${starts} ${laterText(gap(end, start))}${waited(phase)}`;
  }
  if (end?.turn === 'killed' && end.after.max <= start.after.min) {
    return `${restarted}the server of ${module} on ${from} is ended ${laterText(end.after)}, and ${starts} ${afterFault(start)}${waited(phase, from)}`;
  }
  return `${restarted}${starts} ${restarts > 0 && end ? laterText(gap(end, start)) : laterText(start.after)}${waited(phase)}`;
}

function goesDown({ module }: Told, phase: Phase, from: string): string {
  const end = phase.turns.findLast(({ host, turn }) => host === from && turn !== 'starts');
  const stand = phase.last.find(({ host }) => host === from);
  const isUnnoticed = stand?.transition === null && (stand.state === 'PRIM' || stand.state === 'ALONE');
  if (isUnnoticed) {
    return `${module} is down, and ${phase.warnings[0] === undefined ? 'nobody notices it' : `the log says: ${phase.warnings[0]}`}`;
  }
  const how =
    end?.turn === 'stops'
      ? `${module} is stopped in order on ${from}`
      : end?.turn === 'killed'
        ? `the server of ${module} on ${from} is ended ${laterText(end.after)}`
        : `${module} is down`;
  return `${how}, and ${reasons(phase) === '' ? 'nothing starts it' : `nothing starts it by itself. ${reasons(phase)}`}`;
}

function staysDown({ module }: Told, phase: Phase): string {
  const why = reasons(phase);
  return `${module} stays down${why === '' ? '' : `. ${why}`}`;
}

/** Why it does not run, in the core's own words, by host. */
function reasons({ last }: Phase): string {
  return last
    .filter(({ state, reason }) => state === 'WAIT' && reason !== null)
    .map(({ host, reason }) => `On ${host} it waits: ${reason ?? ''}`)
    .join('. ');
}

function startTurn({ turns }: Phase, host: string): Turn | undefined {
  return turns.findLast((turn) => turn.host === host && turn.turn === 'starts');
}

function startOn(phase: Phase, host: string): Span {
  return startTurn(phase, host)?.after ?? { min: 0, max: 0 };
}

/** Both are of the same runs, and what is quick in one of them is quick in the other. */
function gap(end: Turn, start: Turn): Span {
  const [quick, slow] = [start.after.min - end.after.min, start.after.max - end.after.max].map((ms) => Math.max(0, ms));
  return { min: Math.min(quick ?? 0, slow ?? 0), max: Math.max(quick ?? 0, slow ?? 0) };
}

function afterFault({ after }: Turn): string {
  return `${spanText(after)} after the fault`;
}

function wasAskedToStop({ turns }: Phase, host: string): boolean {
  return turns.some((turn) => turn.host === host && turn.turn === 'stops');
}

/** @param before the host that a server has left */
function waited({ waits }: Phase, before?: string): string {
  const [longest] = waits.filter(({ host }) => host !== before);
  return longest === undefined ? '' : `; a write waits ${spanText(longest.ms)} meanwhile`;
}

function warned({ warnings }: Phase): string {
  const [first] = warnings;
  return first === undefined ? '' : `, and the log says: ${first}`;
}
