import type { Finding } from '../findings.ts';
import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import type { Element } from '../xml/tree.ts';
import { onFailureOf } from './checkDrafts.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules that every module of SafeKit has, and what Understudy does in their place. */
const standardRules: Readonly<Record<string, string>> = {
  module_failure: 'A standard rule: "dependsOn" holds a start back until the other modules run.',
  interface_failure: 'A standard rule: put a "ping" of the gateway into failover.conditions.',
  ip_failure: 'A standard rule: the agent looks after virtual addresses by itself.',
  splitbrain_failure: 'A standard rule: the arbiter of the cluster file decides.',
  tcp_failure: 'A standard rule of releases before 8.2.3: each check says what its failure means.',
};

/** `<failover>`: rules of the module's own. */
export const failoverRule: Rule = (element, context) => {
  const { findings, later } = context;
  const says = 'Each check says itself what its failure means ("onFailure"). There is no language of rules.';
  findings.note(element, 'translated', says);
  for (const attribute of element.attributes) findings.note(attribute, 'unsupported', says);
  // What a rule names may stand behind it.
  later(() => findings.noteText(element, readRules(element, context)));
};

function readRules(element: Element, { draft, findings }: RuleContext): readonly Finding[] {
  const text = withoutComments(element.text);
  const found: Finding[] = [];
  const most = limits.rules - findings.textParts;
  const tell = (value: string, outcome: Finding['outcome'], says: string): void => {
    found.push({ path: `${element.path}/text()`, line: element.line, value: value.trim(), outcome, says });
  };
  for (const statement of text.split(';')) {
    if (statement.trim() === '') continue;
    if (found.length >= most) {
      const many = `more than ${String(limits.rules)} failover rules`;
      throw new ImportError('TOO_LARGE', `The userconfig.xml has ${many}: this is no configuration of a module.`);
    }
    const rule = /^\s*([A-Za-z_]\w*)\s*:\s*if\s*\(([^]*)\)\s*then\s+([a-z]+)\s*\(\s*\)\s*$/.exec(statement);
    const [, label = '', condition = '', action = ''] = rule ?? [];
    const standard = Object.hasOwn(standardRules, label) ? standardRules[label] : undefined;
    const resource = /^\s*(?:local\s*\.\s*)?((?:tcp|ping|custom|proc)\.[^\s*?=!&|()]+)\s*==\s*down\s*$/.exec(
      condition,
    )?.[1];
    const check = resource === undefined ? undefined : draft.byResource.get(resource);
    const known = onFailureOf(action);
    const gate = resource === undefined ? undefined : draft.conditionsByResource.get(resource);
    if (rule === null) tell(statement, 'unsupported', unknownRule);
    else if (standard !== undefined) tell(statement, 'translated', standard);
    else if (check !== undefined && known !== null) {
      check.onFailure = known.onFailure;
      tell(statement, 'translated', `Of the check "${check.name}": ${known.says}`);
    } else if (gate !== undefined && action === 'wait') {
      tell(statement, 'translated', `Of the condition "${gate.name}": a host that does not meet it gives way.`);
    } else tell(statement, 'unsupported', unknownRule);
  }
  if (found.some(({ outcome }) => outcome === 'unsupported')) {
    draft.todo('Look at the failover rules in the report: what they say beyond single checks was left out.');
  }
  return found;
}

function withoutComments(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    const begin = text.indexOf('/*', at);
    const end = begin < 0 ? -1 : text.indexOf('*/', begin + 2);
    if (end < 0) return [...parts, text.slice(at)].join(' ');
    parts.push(text.slice(at, begin));
    at = end + 2;
  }
}

const unknownRule =
  'It was left out. What a failure means is said by each check ("onFailure"); what a host needs to be primary by failover.conditions.';
