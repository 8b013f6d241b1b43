import type { PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { bytes, count } from './words.ts';

const figures = [
  ['writes', 'Writes per second'],
  ['flushes', 'Flushes per second'],
  ['waiting', 'Writes waiting'],
  ['marked', 'Marked as in flight'],
] as const;

/** What the primary does now, in numbers. */
export class Figures {
  readonly element = h('dl', { class: 'figures' });
  readonly #values = new Map<string, HTMLElement>();

  constructor() {
    for (const [name, label] of figures) {
      const value = h('dd');
      this.#values.set(name, value);
      this.element.append(h('div', { class: 'card figure' }, h('dt', {}, label), value));
    }
  }

  update(state: PanelState): void {
    const found = state.module?.onHosts.find((replica) => replica.known && replica.traffic !== null)?.traffic ?? null;
    // They are of now, or nothing.
    const traffic = state.connection.connected ? found : null;
    const show = (name: (typeof figures)[number][0], text: string | null): void => {
      const value = this.#values.get(name);
      if (value) setText(value, text ?? '–');
    };
    setAttribute(this.element, 'data-live', traffic !== null);
    show('writes', traffic && count(traffic.writesPerSecond));
    show('flushes', traffic && count(traffic.flushesPerSecond));
    show('waiting', traffic && count(traffic.unacknowledged));
    show('marked', traffic && bytes(traffic.markedBytes));
  }
}
