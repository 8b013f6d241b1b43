import { parseTime } from '../duration.ts';
import { attributeOf, childrenOf, valueOf, type Element } from '../xml/tree.ts';
import { addCheck, momentOf, noteMoment, onFailureOf } from './checkDrafts.ts';
import { from, noteOdd, type Rule, type RuleContext } from './rule.ts';

/** By the user's guide of release 8.2. Milliseconds. */
const defaultPoll = 30_000;

/** `<errd>`: processes that have to run. */
export const errdRule: Rule = (element, context) => {
  const { findings } = context;
  findings.note(element, 'translated', 'Processes that are looked for are "checks".');
  const timer = attributeOf(element, 'polltimer');
  const read = timer === undefined || timer.value === '' ? null : parseTime(timer.value, 's');
  if (timer !== undefined && (read === null || read === 0)) {
    noteOdd(context, timer, 'a time', "It is 30s, SafeKit's default.");
  } else findings.note(timer, 'translated', 'It is "every" of each of these checks.');
  const every = read === null || read === 0 ? defaultPoll : read;
  for (const proc of childrenOf(element, 'proc')) readProcess(proc, every, context);
};

function readProcess(element: Element, every: number, context: RuleContext): void {
  const { draft, findings } = context;
  const name = attributeOf(element, 'name');
  const word = valueOf(element, 'class') ?? 'prim';
  const moment = momentOf(word);
  const className = attributeOf(element, 'class');
  if (className !== undefined && moment === 'unknown' && word !== 'other') {
    noteOdd(context, className, 'prim, both, pre, second, sec or other', 'Nothing was looked for.');
  } else if (moment === 'running' || moment === 'secondary') noteMoment(className, moment, context);
  const action = onFailureOf(valueOf(element, 'action') ?? 'stopstart');
  readCounts(element, context);
  const leaveOut = (why: string): void => {
    findings.note(element, 'unsupported', why);
    for (const each of element.attributes) {
      if (!findings.has(each) || (each === className && moment === 'running')) findings.note(each, 'unsupported', why);
    }
  };
  if (moment !== 'running') {
    leaveOut('It was left out: a process is looked for only while the server runs, on the host that runs it.');
    return;
  }
  const found = targetOf(element);
  if (typeof found === 'string') {
    if (/\.exe$/i.test(name?.value ?? '')) draft.isWindows = true;
    leaveOut(found);
    return;
  }
  const check = addCheck(draft, {
    name: `process ${name?.value ?? ''}`.trim(),
    kind: found.kind,
    every,
    ...graceOf(element, every, context),
    onFailure: action?.onFailure ?? 'report',
    from: from(element),
  });
  if (check === null) {
    leaveOut('It was left out: a module has at most 32 checks.');
    return;
  }
  if (name !== undefined) draft.byResource.set(`proc.${name.value}`, check);
  findings.note(element, 'translated', found.says);
  for (const key of ['name', 'service', 'nameregex', 'argregex']) {
    const attribute = attributeOf(element, key);
    if (attribute !== undefined && !findings.has(attribute)) findings.note(attribute, 'translated', found.says);
  }
  const actionAttribute = attributeOf(element, 'action');
  if (action !== null) findings.note(actionAttribute, 'translated', action.says);
  else {
    const instead = 'Run it from the server\'s own supervision (systemd), or choose another "onFailure".';
    findings.note(
      actionAttribute,
      'unsupported',
      `No program is run when a check fails: it is only reported. ${instead}`,
    );
  }
}

interface Target {
  readonly kind: Readonly<Record<string, unknown>>;
  readonly says: string;
}

/** What is looked for, or why nothing is. */
function targetOf(element: Element): Target | string {
  const name = valueOf(element, 'name');
  const nameExpression = valueOf(element, 'nameregex');
  const expression = valueOf(element, 'argregex');
  if (name === undefined) return 'It names no process. It was left out.';
  if (/\.exe$/i.test(name)) return 'It is a process of Windows. It was left out: name the one of Linux in "checks".';
  if (/\p{Cc}/u.test(`${name}${nameExpression ?? ''}${expression ?? ''}`)) {
    return 'It has control characters. It was left out.';
  }
  if (valueOf(element, 'service') === 'yes') {
    if (!/^[A-Za-z0-9@._:-]{1,200}$/.test(name) || name.startsWith('-')) {
      return 'It is no name of a service. It was left out.';
    }
    return {
      kind: { command: ['/usr/bin/systemctl', 'is-active', '--quiet', name] },
      says: 'A check that asks systemd whether the service is active.',
    };
  }
  if (expression !== undefined) {
    const beside = nameExpression === undefined ? ` The name "${name}" is not looked at beside them.` : '';
    return {
      kind: { command: ['/usr/bin/pgrep', '--full', '--', expression] },
      says: `A check that looks for the arguments by pgrep, which reads the same kind of expressions.${beside}`,
    };
  }
  if (nameExpression !== undefined) {
    return {
      kind: { command: ['/usr/bin/pgrep', '--', nameExpression] },
      says: 'A check that looks for the name by pgrep, which reads the same kind of expressions.',
    };
  }
  if (Buffer.byteLength(name) > 255 || name.includes('/')) return 'It is no name of a process. It was left out.';
  return { kind: { process: { name } }, says: 'A check that looks for a process of this name.' };
}

/** `start_after`: that many looks pass first. */
function graceOf(element: Element, every: number, context: RuleContext): { readonly startGrace?: number } {
  const attribute = attributeOf(element, 'start_after');
  if (attribute === undefined) return {};
  if (!/^[0-9]{1,4}$/.test(attribute.value)) {
    noteOdd(context, attribute, 'a number of looks', 'Failures count a minute after the start (startGrace).');
    return {};
  }
  const startGrace = Math.max(0, Number(attribute.value) - 1) * every;
  if (startGrace <= 60_000) {
    context.findings.note(
      attribute,
      'translated',
      'Failures count a minute after the start at the earliest (startGrace).',
    );
    return {};
  }
  context.findings.note(
    attribute,
    'translated',
    'It is "startGrace" of the check: one look less than it says, times polltimer.',
  );
  return { startGrace };
}

function readCounts(element: Element, { draft, findings }: RuleContext): void {
  const least = attributeOf(element, 'atleast');
  if (least !== undefined) {
    if (least.value === '1' || least.value === '') findings.note(least, 'taken', 'One process is enough.');
    else {
      const instead = 'A "command" check may count them, such as by pgrep --count.';
      findings.note(least, 'unsupported', `A check asks for one process, not for ${least.value}. ${instead}`);
      draft.todo(
        `Count the processes of ${least.path} in a check of your own, if it matters that there are ${least.value}.`,
      );
    }
  }
  const most = attributeOf(element, 'atmax');
  if (most !== undefined) {
    if (most.value === '-1') findings.note(most, 'taken', 'There may be any number of them.');
    else findings.note(most, 'unsupported', 'No check tells of too many processes. A "command" check may count them.');
  }
  const services = attributeOf(element, 'restart_services');
  const instead =
    'Understudy restarts the server as a whole. Let systemd restart a single service (Restart=on-failure).';
  findings.note(services, 'unsupported', instead);
}
