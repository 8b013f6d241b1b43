import type { CheckStatus } from '../../schemas/generated/api.ts';
import type { PanelState, Severity } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { glyph } from './stateMark.ts';
import { span } from './words.ts';

const severities: Readonly<Record<CheckStatus['state'], Severity>> = {
  starting: 'busy',
  well: 'good',
  failing: 'warning',
  failed: 'error',
};

/** Whether the server does its work: a line for each check of it. Not there when there are none, or the server does not run. */
export class ChecksCard {
  readonly element: HTMLElement;
  readonly #lines = h('ul');

  constructor() {
    this.element = h('section', { class: 'card checks', 'aria-label': 'Checks' }, h('h3', {}, 'Checks'), this.#lines);
  }

  update(state: PanelState, now: number): void {
    const replicas = state.module?.onHosts ?? [];
    const checks = replicas.find(({ known, checks = [] }) => known && checks.length > 0)?.checks ?? [];
    this.element.hidden = checks.length === 0;
    const present = [...this.#lines.children];
    if (present.length !== checks.length) this.#lines.replaceChildren(...checks.map(() => line()));
    for (const [index, check] of checks.entries()) {
      const element = this.#lines.children[index];
      if (element) show(element, check, now);
    }
  }
}

function line(): HTMLElement {
  return h('li', {}, h('span', { class: 'glyph', 'aria-hidden': 'true' }), h('strong'), h('span'));
}

function show(element: Element, { name, state, since, error }: CheckStatus, now: number): void {
  const [mark, title, told] = element.children;
  if (!mark || !title || !told) return;
  const severity = severities[state];
  if (element.getAttribute('data-severity') !== severity) mark.replaceChildren(glyph(severity));
  setAttribute(element, 'data-severity', severity);
  setText(title, name);
  setText(told, `${state} for ${span(now - Date.parse(since))}${error === null ? '' : `: ${error}`}`);
}
