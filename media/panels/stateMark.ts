import type { Severity, StateFacts } from '../../schemas/panel.ts';
import { h, setAttribute, setText, svg } from './dom.ts';

/** A state as shape, colour and words. */
export class StateMark {
  readonly element: HTMLElement;
  readonly #glyph = h('span', { class: 'glyph', 'aria-hidden': 'true' });
  readonly #word = h('strong');
  readonly #label = h('span');
  #severity: Severity | null = null;

  constructor() {
    this.element = h('span', { class: 'state' }, this.#glyph, this.#word, this.#label);
  }

  update({ severity, word, label }: StateFacts): void {
    setAttribute(this.element, 'data-severity', severity);
    setText(this.#word, word);
    setText(this.#label, label);
    if (severity === this.#severity) return;
    this.#severity = severity;
    this.#glyph.replaceChildren(glyph(severity));
  }
}

/** Shapes that differ without colour: tick, turning arrows, circle, triangle, cross, question mark. */
export function glyph(severity: Severity): SVGElement {
  const shapes: Readonly<Record<Severity, readonly SVGElement[]>> = {
    good: [filled('circle', { cx: '8', cy: '8', r: '7' }), cut('M4.8 8.2 7 10.4l4.2-4.6')],
    busy: [
      line('M13.2 8a5.2 5.2 0 0 1-9.4 3.1M2.8 8a5.2 5.2 0 0 1 9.4-3.1'),
      line('M12.4 2.2v2.9H9.5M3.6 13.8v-2.9h2.9'),
    ],
    neutral: [line('M8 2a6 6 0 1 1 0 12A6 6 0 1 1 8 2')],
    warning: [filled('path', { d: 'M8 1.2 15.4 14.4H.6Z' }), cut('M8 6v4M8 12.1v.2')],
    error: [filled('circle', { cx: '8', cy: '8', r: '7' }), cut('m5.4 5.4 5.2 5.2M10.6 5.4l-5.2 5.2')],
    unknown: [line('M8 2a6 6 0 1 1 0 12A6 6 0 1 1 8 2'), line('M6.3 6.4a1.8 1.8 0 1 1 2.5 1.7q-.8.4-.8 1.2M8 11.3v.1')],
  };
  return svg('svg', { viewBox: '0 0 16 16', class: 'glyph-shape' }, ...shapes[severity]);
}

function filled(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  return svg(name, { ...attributes, class: 'filled' });
}

function cut(path: string): SVGElement {
  return svg('path', { d: path, class: 'cut' });
}

function line(path: string): SVGElement {
  return svg('path', { d: path, class: 'line' });
}
