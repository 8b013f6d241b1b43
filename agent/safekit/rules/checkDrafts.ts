import type { CheckDraft, Draft, OnFailure } from '../draft.ts';
import { uniqueName } from '../names.ts';
import { cutText, parseTime } from '../duration.ts';
import { printable } from '../printable.ts';
import type { Attribute } from '../xml/tree.ts';
import { noteOdd, type RuleContext } from './rule.ts';

const mostChecks = 32;
const mostConditions = 16;

/** When SafeKit looks, in the words of `when` and `class`. */
export type Moment = 'running' | 'before' | 'secondary' | 'unknown';

/** While the server runs, before the module starts, or on the secondary. */
export function momentOf(word: string): Moment {
  switch (word) {
    case 'prim':
    case 'both':
      return 'running';
    case 'pre':
      return 'before';
    case 'second':
    case 'sec':
      return 'secondary';
    default:
      return 'unknown';
  }
}

/** What Understudy does in place of an action of SafeKit; null: it is none that is known. */
export function onFailureOf(action: string): { readonly onFailure: OnFailure; readonly says: string } | null {
  switch (action) {
    case 'restart':
      return {
        onFailure: 'restart',
        says: '"onFailure": "restart"; too many of them become a failover (failover.restarts).',
      };
    case 'stopstart':
      return {
        onFailure: 'failover',
        says: '"onFailure": "failover": to the other host if it is in sync, otherwise a restart.',
      };
    case 'stop':
    case 'swap':
      return {
        onFailure: 'failover',
        says: '"onFailure": "failover"; the host that failed becomes the secondary afterwards.',
      };
    case 'wait':
      return {
        onFailure: 'failover',
        says: '"onFailure": "failover": the other host takes over, as when the module waits here in SafeKit.',
      };
    case 'noaction':
      return { onFailure: 'report', says: '"onFailure": "report".' };
    default:
      return null;
  }
}

/** Tells of `when` in a mirror module. */
export function noteMoment(attribute: Attribute | undefined, moment: Moment, context: RuleContext): void {
  const { findings } = context;
  if (attribute === undefined) return;
  switch (moment) {
    case 'running':
      findings.note(attribute, 'translated', 'One of "checks": while the server runs, on the host that runs it.');
      return;
    case 'before':
      findings.note(attribute, 'translated', 'One of "failover.conditions": on both hosts, all the time.');
      return;
    case 'secondary':
      findings.note(attribute, 'unsupported', 'Nothing is checked on the secondary: no server runs there.');
      return;
    case 'unknown':
      noteOdd(context, attribute, 'prim, both, pre or second', 'Nothing was checked.');
  }
}

/** Adds a check and returns it; null: there are too many of them. */
export function addCheck(draft: Draft, check: CheckDraft): CheckDraft | null {
  if (draft.checks.length >= mostChecks) return null;
  return add(check, draft.checks, draft.checkNames);
}

/** Adds a condition and returns it; null: there are too many of them. */
export function addCondition(draft: Draft, condition: CheckDraft): CheckDraft | null {
  if (draft.conditions.length >= mostConditions) return null;
  return add(condition, draft.conditions, draft.conditionNames);
}

function add(check: CheckDraft, to: CheckDraft[], names: Set<string>): CheckDraft {
  const plain = printable(check.name).trim();
  const named = { ...check, name: uniqueName(plain === '' ? 'check' : plain.slice(0, 64), names) };
  to.push(named);
  return named;
}

/** `interval` and `timeout` of a checker; undefined: Understudy's defaults, which are the same. A look may not take longer than the time between two. */
export function timesOf(
  interval: Attribute | undefined,
  timeout: Attribute | undefined,
  context: RuleContext,
): { readonly every?: number; readonly timeout?: number } {
  const read = (attribute: Attribute | undefined): number | undefined => {
    if (attribute === undefined || attribute.value === '') return undefined;
    const time = parseTime(attribute.value, 's');
    if (time !== null && time > 0) return time;
    noteOdd(context, attribute, 'a time', "Understudy's default is in force.");
    return undefined;
  };
  const every = read(interval);
  const asked = read(timeout);
  const limit = asked === undefined ? undefined : Math.min(asked, every ?? 10_000);
  if (every !== undefined) {
    const cut = cutText(every, 'every');
    context.findings.note(interval, cut === '' ? 'taken' : 'translated', `It is "every" of the check.${cut}`);
  }
  if (asked !== undefined) {
    const cut =
      limit === asked ? cutText(asked, 'timeout') : ' It became as short as "every": a look ends before the next one.';
    context.findings.note(timeout, cut === '' ? 'taken' : 'translated', `It is "timeout" of the check.${cut}`);
  }
  return { ...(every !== undefined && { every }), ...(limit !== undefined && { timeout: limit }) };
}
