import type { LinkKind, PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText, svg } from './dom.ts';

/** The replication between the two hosts: an arrow whose shape, colour and words tell how it stands. */
export class LinkArrow {
  readonly element: HTMLElement;
  readonly #drawing = svg('svg', { viewBox: '0 0 160 48', class: 'arrow', role: 'img' });
  readonly #label = h('strong');
  readonly #detail = h('p');
  #kind: LinkKind | null = null;

  constructor() {
    this.element = h(
      'section',
      { class: 'link', 'aria-label': 'Replication', 'aria-live': 'polite' },
      this.#label,
      this.#drawing,
      this.#detail,
    );
  }

  /** @param left name of the host on the left */
  update(state: PanelState, left: string): void {
    const { detail, from, to } = state.link;
    // What was in sync need not be so any more.
    const isOld = !state.connection.connected && state.link.kind !== 'unknown';
    const kind = isOld ? 'unknown' : state.link.kind;
    const label = isOld ? `last known: ${state.link.label}` : state.link.label;
    setAttribute(this.element, 'data-kind', kind);
    setAttribute(this.element, 'data-direction', from === null ? 'none' : from === left ? 'right' : 'left');
    setText(this.#label, label);
    setText(this.#detail, isOld ? '' : detail);
    setAttribute(this.#drawing, 'aria-label', from === null ? label : `${from} to ${to ?? ''}: ${label}`);
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#drawing.replaceChildren(...draw(kind));
  }
}

/** Drawn from left to right; the style sheet turns it round. */
function draw(kind: LinkKind): SVGElement[] {
  const shaft = (from: number, to: number, style = ''): SVGElement =>
    svg('path', { d: `M${from} 24H${to}`, class: `shaft ${style}` });
  const head = svg('path', { d: 'm138 14 13 10-13 10', class: 'head' });
  const mark = (path: string): SVGElement[] => [
    svg('circle', { cx: '80', cy: '24', r: '13', class: 'disc' }),
    svg('path', { d: path, class: 'mark' }),
  ];
  switch (kind) {
    case 'in-sync':
      return [shaft(8, 150), head, ...mark('m74 24.5 4.2 4.2 8-9')];
    case 'resynchronising':
      return [
        shaft(8, 150, 'dashed'),
        head,
        ...mark('M73.5 24a6.5 6.5 0 0 1 11.5-4.2M86.5 24a6.5 6.5 0 0 1-11.5 4.2M85.4 15.6v4.4H81M74.6 32.4V28H79'),
      ];
    case 'broken':
      return [shaft(8, 58), shaft(102, 150, 'dotted'), ...mark('m75 19 10 10M85 19 75 29')];
    case 'frozen':
      return [shaft(8, 58), shaft(102, 150, 'dotted'), ...mark('M76.5 18.5v11M83.5 18.5v11')];
    case 'starting':
      return [shaft(8, 152, 'dashed'), ...mark('M75 24h.1M80 24h.1M85 24h.1')];
    case 'stopped':
      return [shaft(8, 152, 'dotted'), ...mark('M76 20h8v8h-8Z')];
    case 'unknown':
      return [shaft(8, 152, 'dotted'), ...mark('M77 20.8a3 3 0 1 1 4.2 2.8q-1.2.7-1.2 2M80 29v.1')];
  }
}
