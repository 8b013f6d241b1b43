import type { ExplainedFault, ExplainedModule } from '../../../schemas/explain.ts';
import { h } from '../dom.ts';
import { TimeLine } from './timeLine.ts';
import { keyOf } from './words.ts';

/** Choose a fault and whom it befalls, and see what comes of it over time. */
export class Simulator {
  readonly element: HTMLElement;
  readonly #faults = h('select', { id: 'fault' });
  readonly #hosts = h('select', { id: 'host' });
  readonly #hostField = h('div', { class: 'field' }, h('label', { for: 'host' }, 'Host'), this.#hosts);
  readonly #sentences = h('div', { class: 'sentences' });
  readonly #line = new TimeLine();
  #explained: ExplainedModule | null = null;
  /** What the person has chosen; it stays when the text changes. */
  #chosen: string | null = null;

  constructor() {
    this.#faults.addEventListener('change', () => this.#choose(this.#faults.value, null));
    this.#hosts.addEventListener('change', () => this.#choose(this.#faults.value, this.#hosts.value));
    this.element = h(
      'section',
      { class: 'card simulator', 'aria-labelledby': 'simulator-title' },
      h('h2', { id: 'simulator-title' }, 'What if'),
      h(
        'div',
        { class: 'fields' },
        h('div', { class: 'field' }, h('label', { for: 'fault' }, 'Fault'), this.#faults),
        this.#hostField,
      ),
      this.#sentences,
      this.#line.element,
    );
  }

  update(explained: ExplainedModule): void {
    this.#explained = explained;
    const names = new Map<string, string>();
    for (const each of explained.faults) if (!names.has(groupOf(each))) names.set(groupOf(each), titleOf(each));
    this.#faults.replaceChildren(...[...names].map(([value, text]) => h('option', { value }, text)));
    this.#show();
  }

  /** Shows one, as when it was asked for elsewhere on the page. */
  show(key: string): void {
    this.#chosen = key;
    this.#show();
    this.element.scrollIntoView({ block: 'start' });
    this.#faults.focus();
  }

  #choose(group: string, host: string | null): void {
    const found = this.#explained?.faults.filter((each) => groupOf(each) === group) ?? [];
    const fault = found.find((each) => each.host === host) ?? found[0];
    if (fault !== undefined) this.#chosen = keyOf(fault);
    this.#show();
  }

  #show(): void {
    const { faults, hosts } = this.#explained ?? { faults: [], hosts: [] };
    const fault = faults.find((each) => keyOf(each) === this.#chosen) ?? faults[0];
    if (fault === undefined) return;
    const alike = faults.filter((each) => groupOf(each) === groupOf(fault));
    this.#faults.value = groupOf(fault);
    this.#hosts.replaceChildren(...alike.map(({ host }) => h('option', { value: host ?? '' }, host ?? 'both')));
    this.#hosts.value = fault.host ?? '';
    this.#hosts.disabled = alike.length < 2;
    this.#hostField.hidden = fault.host === null;
    this.#sentences.replaceChildren(...fault.sentences.map((text) => h('p', {}, text)));
    this.#line.update(fault, hosts);
  }
}

/** The same fault of one host or the other. */
function groupOf({ fault, subject }: ExplainedFault): string {
  return JSON.stringify([fault, subject]);
}

const titles: Readonly<Record<ExplainedFault['fault'], string>> = {
  'power-loss': 'A host loses power',
  'power-loss-of-both': 'Both hosts lose power, and this one returns first',
  'secondary-then-primary': 'One host loses power, then the other, and the first returns',
  'replication-cut': 'The replication network is cut',
  'hosts-cut': 'Both hosts do not see each other',
  isolated: 'A host is cut off from everything',
  'arbiter-lost': 'The arbiter does not answer',
  'arbiter-lost-then-power-loss': 'The arbiter is lost, then a host loses power',
  'server-crash': 'The server dies once',
  'server-crashes-again': 'The server dies again and again',
  'agent-killed': 'The agent is killed',
  'agent-stopped': 'The agent is stopped in order',
  'disk-error': 'A disk fails',
  'check-fails': 'A check fails',
  'condition-fails': 'A condition is not met',
  stall: 'The primary stands still for a while',
  switchover: 'An operator moves it',
  stop: 'An operator stops and starts it',
  drain: 'An operator drains the host',
  'cold-start': 'The first start',
};

function titleOf({ fault, subject }: ExplainedFault): string {
  return subject === null ? titles[fault] : `${titles[fault]}: ${subject}`;
}
