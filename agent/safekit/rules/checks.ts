import type { CheckDraft, Draft } from '../draft.ts';
import { ownName } from '../names.ts';
import { parseIpAddress } from '../../../schemas/ipAddress.ts';
import { attributeOf, childrenOf, valueOf, type Attribute, type Element } from '../xml/tree.ts';
import { addCheck, addCondition, momentOf, noteMoment, onFailureOf, timesOf } from './checkDrafts.ts';
import { from, noteOdd, type Rule, type RuleContext } from './rule.ts';

/** How a custom checker is run: time to say anything, and around that. Milliseconds. */
const customTimes = { every: 30_000, timeout: 25_000, failures: 2 } as const;

/** `<tcp>`: a connection that has to be accepted. */
export const tcpRule: Rule = (element, context) => {
  for (const to of childrenOf(element, 'to')) {
    const port = attributeOf(to, 'port');
    const number = /^[0-9]{1,5}$/.test(port?.value ?? '') ? Number(port?.value) : 0;
    const isPort = number >= 1 && number <= 65_535;
    if (isPort) context.findings.note(port, 'taken', '"tcp.port" of the check.');
    readProbe(element, to, isPort ? (host) => ({ tcp: { host, port: number } }) : null, 'prim', 'restart', context);
  }
  without(element, context);
};

/** `<ping>`: a machine that has to answer. */
export const pingRule: Rule = (element, context) => {
  for (const to of childrenOf(element, 'to')) {
    readProbe(element, to, (host) => ({ ping: { host } }), 'pre', 'wait', context);
  }
  without(element, context);
};

function without(element: Element, { findings }: RuleContext): void {
  if (childrenOf(element, 'to').length === 0) {
    findings.note(element, 'unsupported', 'It says nothing of what is looked at (<to>). It was left out.');
    for (const each of element.attributes) findings.note(each, 'unsupported', 'Its checker was left out.');
  }
}

/** What `<tcp>` and `<ping>` have in common. @param kindOf null: what is looked at is not complete */
function readProbe(
  element: Element,
  to: Element,
  kindOf: ((host: string) => CheckDraft['kind']) | null,
  when: string,
  action: string,
  context: RuleContext,
): void {
  const { draft, findings } = context;
  const moment = momentOf(valueOf(element, 'when') ?? when);
  noteMoment(attributeOf(element, 'when'), moment, context);
  const ident = attributeOf(element, 'ident');
  const addr = attributeOf(to, 'addr');
  const host = addr?.value ?? '';
  const isHost = parseIpAddress(host) !== null || /^[A-Za-z0-9_.-]{1,253}$/.test(host);
  const times = timesOf(attributeOf(to, 'interval'), attributeOf(to, 'timeout'), context);
  if (kindOf === null || !isHost || host.startsWith('-')) {
    draft.todo(
      `Say what ${to.path} of the XML is to look at, or leave that check out: its address or port is missing.`,
    );
    leaveOut([element, to], 'What is looked at is for you to fill in. It was left out.', context);
    return;
  }
  findings.note(addr, 'taken', 'What is looked at.');
  findings.note(ident, 'taken', 'Its name.');
  add(
    { name: ident?.value ?? '', kind: kindOf(host), ...times, from: from(element) },
    {
      when: attributeOf(element, 'when'),
      moment,
      resource: `${element.name}.${ident?.value ?? ''}`,
      action: attributeOf(element, 'action'),
      standard: action,
    },
    [element, to],
    context,
  );
}

interface Acting {
  readonly when: Attribute | undefined;
  readonly moment: ReturnType<typeof momentOf>;
  readonly resource: string;
  readonly action: Attribute | undefined;
  /** What SafeKit does when the action is not stated. */
  readonly standard: string;
}

/** Adds a check or a condition, and tells of its elements. */
function add(check: CheckDraft, acting: Acting, elements: readonly Element[], context: RuleContext): void {
  const { draft, findings } = context;
  const action = acting.action === undefined || acting.action.value === '' ? acting.standard : acting.action.value;
  if (acting.moment === 'before') {
    if (action !== 'wait') {
      leaveOut(
        elements,
        'It was left out: what is looked at before a start is a condition in Understudy, and acts.',
        context,
      );
      return;
    }
    const added = addCondition(draft, check);
    if (added === null) leaveOut(elements, 'It was left out: a module has at most 16 conditions.', context);
    else {
      draft.conditionsByResource.set(acting.resource, added);
      const how =
        'One of "failover.conditions": a host that does not meet it hands over to one that does, and does not start before it.';
      for (const each of elements) findings.note(each, 'translated', how);
      const wait = 'When neither host meets a condition nothing is stopped for it; SafeKit would stop and wait.';
      findings.note(acting.action, 'translated', `A host that does not meet the condition gives way. ${wait}`);
    }
    return;
  }
  if (acting.moment !== 'running') {
    leaveOut(elements, 'It was left out: servers are checked while they run, on the host that runs them.', context);
    noteMoment(acting.when, acting.moment, context);
    return;
  }
  const known = onFailureOf(action);
  const added = addCheck(draft, { ...check, onFailure: known?.onFailure ?? 'report' });
  if (added === null) {
    leaveOut(elements, 'It was left out: a module has at most 32 checks.', context);
    return;
  }
  draft.byResource.set(acting.resource, added);
  for (const each of elements) findings.note(each, 'translated', 'One of "checks".');
  if (known !== null) findings.note(acting.action, 'translated', known.says);
  else if (acting.action !== undefined) {
    noteOdd(context, acting.action, 'restart, stopstart, stop, wait or noaction', 'A failure is only reported.');
  }
}

/** Tells of everything in them that nothing has been told of. */
function leaveOut(elements: readonly Element[], why: string, { findings }: RuleContext): void {
  for (const element of elements) {
    findings.note(element, 'unsupported', why);
    for (const each of element.attributes) findings.note(each, 'unsupported', why);
  }
}

/** `<custom>`: a program of the module that looks. */
export const customRule: Rule = (element, context) => {
  const { draft, findings, hasFile } = context;
  const exec = attributeOf(element, 'exec');
  const program = exec?.value ?? '';
  const ident = attributeOf(element, 'ident');
  const moment = momentOf(valueOf(element, 'when') ?? 'prim');
  if (/\.(ps1|cmd|bat|vbs|exe)$/i.test(program)) {
    draft.isWindows = true;
    const instead = 'Write a program for Linux that ends with 0 when all is well, and name it in a "command" check.';
    leaveOut([element], `A program for Windows. It was left out. ${instead}`, context);
    return;
  }
  if (program === '' || /[\p{Cc}\\]/u.test(program) || program.split('/').includes('..')) {
    leaveOut([element], 'It names no program of the module. It was left out.', context);
    return;
  }
  const known = ident?.value ?? '';
  const resource = `custom.${known === '' ? ownName(program, 'check') : known}`;
  const file = fileName(ownName(known === '' ? program : known, 'check'), draft);
  const arg = attributeOf(element, 'arg');
  noteMoment(attributeOf(element, 'when'), moment, context);
  findings.note(
    exec,
    'translated',
    `The check script "checks/${file}" runs it until it says up or down for the first time.`,
  );
  findings.note(arg, 'translated', 'Its words are handed to the program, as the third argument and after.');
  findings.note(ident, 'translated', 'The name of the check, and of the resource that the program speaks of.');
  add(
    {
      name: known === '' ? program : known,
      kind: { command: [`@checks/${file}`] },
      ...customTimes,
      from: from(element),
    },
    {
      when: attributeOf(element, 'when'),
      moment,
      resource,
      action: attributeOf(element, 'action'),
      standard: 'noaction',
    },
    [element],
    context,
  );
  if (!isUsed(draft.checks, file) && !isUsed(draft.conditions, file)) return;
  const args = (arg?.value ?? '').split(/\s+/).filter((word) => word !== '');
  draft.customChecks.push({ file, resource, program, args });
  draft.todo(
    `Look at the checker ${program}: it is run anew for each look, 20 s at most, until it says up or down. One that remembers earlier looks has to be written anew, as a program that ends with 0 when all is well.`,
  );
  if (!program.startsWith('/') && hasFile(`bin/${program}`) === false) {
    draft.todo(`Put the checker ${program} into the folder "bin" beside the scripts: the module did not hold it.`);
  }
};

/** A name that no check script has. */
function fileName(name: string, { customChecks }: Draft): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name.slice(0, 28)}-${String(number)}`;
    if (!customChecks.some(({ file }) => file === candidate)) return candidate;
  }
}

function isUsed(checks: readonly CheckDraft[], file: string): boolean {
  return checks.some(({ kind }) => Array.isArray(kind['command']) && kind['command'][0] === `@checks/${file}`);
}

/** `<module>`: another module that has to run. */
export const moduleRule: Rule = (element, context) => {
  const { draft, findings } = context;
  const name = attributeOf(element, 'name');
  const other = ownName(name?.value ?? '', '');
  const elsewhere = 'Modules depend on modules of the same cluster only; how these are reached is known.';
  for (const each of [element, ...childrenOf(element, 'to')]) {
    for (const attribute of each.attributes) findings.note(attribute, 'unsupported', elsewhere);
    findings.note(each, 'unsupported', elsewhere);
  }
  if (name === undefined || other === '' || other === draft.name || draft.dependsOn.length >= 32) {
    findings.note(element, 'unsupported', 'It names no other module. It was left out.');
    return;
  }
  if (!draft.dependsOn.some(({ value }) => value === other)) draft.dependsOn.push({ value: other, from: from(name) });
  const later = 'It decides about starts only: when the other one is started anew later, this one goes on running.';
  findings.note(element, 'translated', `"dependsOn". ${later}`);
  findings.note(name, other === name.value ? 'taken' : 'translated', `"${other}" in "dependsOn".`);
  draft.todo(`Import the module "${name.value}", too, or take "${other}" out of "dependsOn".`);
};

/** `<splitbrain>`: which host may go on when they do not hear each other. */
export const splitBrainRule: Rule = (element, { draft, findings }) => {
  const says =
    'The arbiter of the cluster file does this, and is no address that is pinged: a third machine that says who may run ("arbiter": { "witness": … }), so that both hosts never do.';
  findings.note(element, 'unsupported', says);
  for (const attribute of element.attributes) findings.note(attribute, 'unsupported', says);
  draft.todo('Name an arbiter in the cluster file ("arbiter"): it takes the place of SafeKit\'s splitbrain checker.');
};
