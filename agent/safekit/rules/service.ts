import { ownName } from '../names.ts';
import { parseTime } from '../duration.ts';
import type { Attribute } from '../xml/tree.ts';
import { attributeOf } from '../xml/tree.ts';
import { from, noteOdd, type Rule, type RuleContext } from './rule.ts';

/** `<service>`: the shape of the module, and when it moves by itself. */
export const serviceRule: Rule = (element, context) => {
  const { findings } = context;
  findings.note(element, 'taken', 'The module.');
  const read = (name: string, take: (attribute: Attribute) => void): void => {
    const attribute = attributeOf(element, name);
    if (attribute !== undefined) take(attribute);
  };
  readMode(attributeOf(element, 'mode'), context);
  read('boot', (attribute) => readBoot(attribute, context));
  read('failover', (attribute) => readFailover(attribute, context));
  read('defaultprim', (attribute) => readDefaultPrimary(attribute, context));
  read('maxloop', (attribute) => readMaxLoop(attribute, context));
  read('loop_interval', (attribute) => readLoopInterval(attribute, context));
  read('automatic_reboot', (attribute) => {
    if (attribute.value === 'off') findings.note(attribute, 'taken', "Hosts are not restarted for a module's sake.");
    else {
      const instead =
        'A host that does not answer is powered off by "fence" in the cluster file; "watchdog" in agent.jsonc resets one that hangs.';
      findings.note(attribute, 'unsupported', `No host restarts itself for a module. ${instead}`);
    }
  });
};

function readMode(attribute: Attribute | undefined, { draft, findings }: RuleContext): void {
  const mode = attribute?.value ?? '';
  if (mode === 'mirror') {
    findings.note(attribute, 'taken', 'A pair of hosts with one mirror: what a module of Understudy is.');
  } else if (mode === 'farm') {
    draft.impossible =
      'It is a farm: the same server on several hosts at once, with the load shared between them. Understudy runs a server on one host at a time. Use a load balancer before servers of their own, or a mirror module where data have to be kept.';
    findings.note(attribute, 'unsupported', draft.impossible);
  } else if (mode === 'light') {
    draft.impossible =
      'It is a light module: a server on one host, which is only started again there. A module of Understudy has two hosts and a mirrored directory; for one host use systemd (Restart=on-failure).';
    findings.note(attribute, 'unsupported', draft.impossible);
  } else if (attribute === undefined) {
    draft.todo('Make sure that it is a mirror module: the configuration does not say its mode.');
  } else {
    draft.impossible = `The mode "${mode}" is not known here: only mirror modules are imported.`;
    findings.note(attribute, 'unknown', draft.impossible);
  }
}

function readBoot(attribute: Attribute, context: RuleContext): void {
  const { findings } = context;
  const kept =
    'Understudy remembers whether a module was started: then it is started again with its hosts, otherwise it stays stopped.';
  switch (attribute.value) {
    case 'on':
    case 'auto':
    case 'ignore':
      findings.note(attribute, 'translated', `${kept} There is nothing to set.`);
      return;
    case 'off':
      findings.note(
        attribute,
        'unsupported',
        `${kept} Stop it before its hosts are shut down if it is not to come back.`,
      );
      return;
    default:
      noteOdd(context, attribute, 'on, off, auto or ignore', kept);
  }
}

function readFailover(attribute: Attribute, context: RuleContext): void {
  const { draft, findings } = context;
  if (attribute.value !== 'on' && attribute.value !== 'off') {
    noteOdd(context, attribute, 'on or off', 'Failover is automatic.');
    return;
  }
  draft.automatic = { value: attribute.value === 'on', from: from(attribute) };
  findings.note(attribute, 'translated', `"failover.automatic": ${String(draft.automatic.value)}.`);
}

function readDefaultPrimary(attribute: Attribute, { draft, findings }: RuleContext): void {
  const { value } = attribute;
  if (value === 'alone' || value === 'lastprim') {
    draft.failback = { value: 'manual', from: from(attribute) };
    const first = 'Of two hosts that start together and are in sync, the first one of "hosts" is the primary.';
    findings.note(attribute, 'translated', `"failover.failback": "manual": it stays where it runs. ${first}`);
  } else if (value === '') {
    findings.note(attribute, 'taken', 'It says nothing: the module stays where it runs.');
  } else {
    const name = ownName(value, 'first-host');
    draft.preferredHost = { value: name, from: from(attribute) };
    draft.failback = { value: 'automatic', from: from(attribute) };
    const spelled = name === value ? '' : ` The name became "${name}": names of hosts are lower case.`;
    findings.note(attribute, 'translated', `First one of "hosts", and "failover.failback": "automatic".${spelled}`);
  }
}

function readMaxLoop(attribute: Attribute, context: RuleContext): void {
  const { draft, findings } = context;
  const count = /^[0-9]{1,6}$/.test(attribute.value) ? Number(attribute.value) : Number.NaN;
  if (Number.isNaN(count)) {
    noteOdd(context, attribute, 'a number', "Understudy's default of 3 restarts is in force.");
    return;
  }
  draft.restarts = { value: Math.min(count, 100), from: from(attribute) };
  const end =
    'SafeKit stops the module on the host then; Understudy fails over to the other host, and parks the module after failover.maxFailovers.';
  const most = count > 100 ? ' 100 is the most.' : '';
  findings.note(attribute, 'translated', `"failover.restarts": ${String(draft.restarts.value)}.${most} ${end}`);
}

function readLoopInterval(attribute: Attribute, context: RuleContext): void {
  const { draft, findings } = context;
  const time = parseTime(attribute.value, 'h');
  if (time === null || time === 0) {
    noteOdd(context, attribute, 'a time', "Understudy's default of 10m is in force.");
    return;
  }
  draft.restartPeriod = { value: time, from: from(attribute) };
  const unit = /^[0-9]+$/.test(attribute.value) ? ' A number alone is taken for hours.' : '';
  findings.note(attribute, 'translated', `"failover.restartPeriod".${unit}`);
}
