import type { CheckState, ConditionStatus } from '../../schemas/generated/api.ts';
import type { PanelState, Severity } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { glyph } from './stateMark.ts';
import { span } from './words.ts';

const severities: Readonly<Record<CheckState, Severity>> = {
  starting: 'busy',
  well: 'good',
  failing: 'warning',
  failed: 'error',
};

/** Whether the server does its work, and hosts meet the conditions to be primary: a line for each. Not there when there is none. */
export class ChecksCard {
  readonly element: HTMLElement;
  readonly #lines = h('ul');

  constructor() {
    this.element = h('section', { class: 'card checks', 'aria-label': 'Checks' }, h('h3', {}, 'Checks'), this.#lines);
  }

  update(state: PanelState, now: number): void {
    const checks = (state.module?.onHosts ?? []).flatMap(({ host, known, checks = [], conditions = [] }) =>
      known ? [...checks, ...conditions.map((each) => ({ ...each, name: `${each.name} on ${host}` }))] : [],
    );
    this.element.hidden = checks.length === 0;
    const present = [...this.#lines.children];
    if (present.length !== checks.length) this.#lines.replaceChildren(...checks.map(() => line()));
    for (const [index, check] of checks.entries()) {
      const element = this.#lines.children[index];
      if (element) show(element, check, state.connection.connected, now);
    }
  }
}

function line(): HTMLElement {
  return h('li', {}, h('span', { class: 'glyph', 'aria-hidden': 'true' }), h('strong'), h('span'));
}

/** @param isLive whether it is still so: without a connection nobody knows */
function show(element: Element, { name, state, since, error }: ConditionStatus, isLive: boolean, now: number): void {
  const [mark, title, told] = element.children;
  if (!mark || !title || !told) return;
  const severity = isLive ? severities[state] : 'unknown';
  if (element.getAttribute('data-severity') !== severity) mark.replaceChildren(glyph(severity));
  setAttribute(element, 'data-severity', severity);
  setText(title, name);
  const words = isLive ? `${state} for ${span(now - Date.parse(since))}` : `last ${state}`;
  setText(told, `${words}${error === null ? '' : `: ${error}`}`);
}
