/** Plain sentences of what was seen, and of nothing else: another core makes other sentences. */
import type { TimelineEntry } from '../../schemas/explain.ts';
import { mainClause, type Told } from './mainClause.ts';
import type { Phase } from './observed.ts';
import { laterText, sentence, spanText, timeText } from './words.ts';

/** @param phases of one story, in their order */
export function sentencesOf(told: Told, phases: readonly Phase[]): readonly string[] {
  const lines = phases.flatMap((phase) => phaseSentences(told, phase));
  const last = phases.at(-1);
  const all = last === undefined ? lines : [...lines, ...staySentences(told, last)];
  return all.map((line) => sentence(line, [told.module, ...told.hosts]));
}

function phaseSentences(told: Told, phase: Phase): readonly string[] {
  const opening = phase.as === 'end' ? 'when' : 'if';
  return [
    `${opening} ${phase.says}, ${mainClause(told, phase)}`,
    ...fenced(told, phase),
    ...twoServers(told, phase),
    ...leftovers(told, phase),
    ...written(told, phase),
    ...otherHost(told, phase),
  ];
}

function fenced({ module }: Told, { fenced: hosts, after }: Phase): readonly string[] {
  const [target] = hosts;
  if (target === undefined) return [];
  return [
    `Before ${module} starts${after[0] === undefined ? '' : ` on ${after[0]}`}, ${target} is powered off by its fencing device`,
  ];
}

function twoServers({ module }: Told, { twoServers: span, after }: Phase): readonly string[] {
  if (span.max === 0) return [];
  const what = `two servers of ${module} write two histories, and only one of them can go on`;
  return [after.length > 1 ? `from then on ${what}` : `for ${spanText(span)} ${what}`];
}

function leftovers({ module }: Told, { leftover, turns, first }: Phase): readonly string[] {
  if (leftover.max === 0) return [];
  const left =
    turns.find(({ turn }) => turn === 'killed')?.host ?? first.find(({ server }) => server !== 'stopped')?.host;
  if (left === undefined) return [];
  return [
    `For ${timeText(leftover.max)} at most something of the server of ${module} is left on ${left} beside that; nothing that it still writes counts`,
  ];
}

/** What became of what the server had written, where a server began anew or went elsewhere. */
function written({ module }: Told, { lost, hadWritten, turns, before, after }: Phase): readonly string[] {
  const [host, other] = after;
  if (host === undefined || other !== undefined) return [];
  const hasMoved = turns.some(({ turn }) => turn === 'starts') || before[0] !== host;
  if (lost === null) return hasMoved && hadWritten ? ['Nothing that was acknowledged is lost'] : [];
  const holders = lost.heldBy.filter((name) => name !== host);
  const kept = holders.length === 0 ? 'no host holds it' : `only ${holders.join(' and ')} holds it`;
  return [
    `What ${module} was told to be safe while it ran alone on ${lost.writtenOn.join(' and on ')} is not there: ${kept}`,
  ];
}

/** The host that does not serve. */
function otherHost({ module, hosts }: Told, phase: Phase): readonly string[] {
  const [server, second] = phase.after;
  if (server === undefined || second !== undefined) return [];
  const other = hosts.find((host) => host !== server) ?? '';
  const [was, is] = [phase.first, phase.last].map((entries) => entries.find(({ host }) => host === other));
  const kept = phase.aside.includes(other) ? [`What only ${other} holds is kept aside there before that`] : [];
  if (is?.state === 'SECOND' && is.transition === null) return [...kept, ...followsAgain(phase, server, other, was)];
  if (is === undefined || was?.state === is.state) return kept;
  if (is.state === 'OFF') return [`Until ${other} is back, ${module} runs on ${server} without a second copy`];
  if (is.state === 'WAIT') return [`${module} waits on ${other}: ${is.reason ?? ''}`];
  if (is.state === 'SECOND') return [`${other} follows ${server}, and is not in sync yet`];
  return kept;
}

function followsAgain(
  { resyncs }: Phase,
  server: string,
  other: string,
  was: TimelineEntry | undefined,
): readonly string[] {
  const copied = resyncs.findLast(({ to }) => to === other)?.copied;
  if (copied === undefined) return was?.state === 'SECOND' ? [] : [`${other} follows ${server}`];
  switch (copied) {
    case 'nothing':
      return [`${other} follows ${server}, and nothing has to be copied`];
    case 'changes':
      return [`${other} follows ${server}, and only what changed is copied`];
    case 'everything':
      return [`${other} follows ${server}, and everything is compared with it`];
  }
}

/** Whether a module that ends elsewhere stays there. */
function staySentences({ module, hosts }: Told, { after, failback, last }: Phase): readonly string[] {
  const [preferred] = hosts;
  const [server, second] = after;
  if (server === undefined || second !== undefined || server === preferred) return [];
  if (failback === null) return [`${module} stays on ${server} until an operator moves it back, or ${server} fails`];
  if (failback.waitsFor !== null) {
    return [`${module} does not go back to ${failback.to} by itself yet; it waits for: ${failback.waitsFor}`];
  }
  if (failback.dueAt !== null) {
    return [
      `${module} goes back to ${failback.to} by itself ${laterText({ min: failback.dueAt, max: failback.dueAt })}, if nothing fails until then`,
    ];
  }
  const isAway = last.some(({ host, state }) => host === preferred && state === 'OFF');
  return [`${module} goes back to ${failback.to} by itself ${isAway ? `after ${failback.to} has returned` : 'later'}`];
}
