import type { Draft } from '../draft.ts';
import { Findings } from '../findings.ts';
import type { Element } from '../xml/tree.ts';
import { customRule, moduleRule, pingRule, splitBrainRule, tcpRule } from './checks.ts';
import { errdRule } from './errd.ts';
import { failoverRule } from './failover.ts';
import { heartbeatRule, heartRule } from './heart.ts';
import { plainAttributes, plainElements } from './plain.ts';
import { replicatedRule, rfsRule } from './rfs.ts';
import type { Rule, RuleContext } from './rule.ts';
import { serviceRule } from './service.ts';
import { macroRule, userRule, varRule } from './user.ts';
import { interfaceRule, loadBalancingRule, virtualInterfaceRule } from './vip.ts';

const rules: Readonly<Record<string, Rule>> = {
  macro: macroRule,
  service: serviceRule,
  'service/heart': heartRule,
  'service/heart/heartbeat': heartbeatRule,
  'service/vip/interface_list/interface': interfaceRule,
  'service/vip/interface_list/interface/virtual_interface': virtualInterfaceRule,
  'service/vip/loadbalancing_list': loadBalancingRule,
  'service/rfs': rfsRule,
  'service/rfs/replicated': replicatedRule,
  'service/user': userRule,
  'service/user/var': varRule,
  'service/errd': errdRule,
  'service/check/tcp': tcpRule,
  'service/check/ping': pingRule,
  'service/check/custom': customRule,
  'service/check/module': moduleRule,
  'service/check/splitbrain': splitBrainRule,
  'service/failover': failoverRule,
};

/**
 * Puts into the draft what the configuration says, and tells of each element and attribute what became of it.
 * @param hasFile whether the module holds a file; null: only its configuration is known
 */
export function translate(root: Element, draft: Draft, hasFile: RuleContext['hasFile']): Findings {
  const findings = new Findings();
  const postponed: (() => void)[] = [];
  const context: RuleContext = { draft, findings, hasFile, later: (work) => postponed.push(work) };
  const services = root.children.filter(({ name }) => name === 'service');
  const visit = (element: Element): void => {
    // Of several <service> the first one counts: SafeKit has one.
    if (element.kind === 'service' && element !== services[0]) return;
    own(rules, element.kind)?.(element, context);
    const words = own(plainElements, element.kind);
    if (words !== undefined && !findings.has(element)) findings.note(element, ...words);
    const attributes = own(plainAttributes, element.kind);
    for (const attribute of element.attributes) {
      const told = attributes === undefined ? undefined : own(attributes, attribute.name);
      if (told !== undefined && !findings.has(attribute)) findings.note(attribute, ...told);
    }
    element.children.forEach(visit);
  };
  visit(root);
  for (const work of postponed) work();
  if (services.length === 0) draft.impossible = 'The configuration has no <service>: it says nothing of a module.';
  return findings;
}

/** Names come from the file: "constructor" and the like must not find anything. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
