import type { LogEntry } from '../../schemas/generated/api.ts';
import { h } from './dom.ts';
import { textField } from './toolkit.ts';
import { clock } from './words.ts';

/** Entries that are kept and shown. */
const limit = 500;

/** What happened, the newest first. */
export class EventLog {
  readonly element: HTMLElement;
  readonly #rows = h('tbody');
  readonly #empty = h('p', { class: 'empty' });
  #entries: readonly LogEntry[] = [];
  #filter = '';

  constructor() {
    const heads = ['Time', 'Host', 'Level', 'Event', 'Message'].map((title) => h('th', { scope: 'col' }, title));
    const filter = textField('Filter events', (value) => {
      this.#filter = value.trim().toLowerCase();
      this.#render();
    });
    this.element = h(
      'section',
      { class: 'card log', 'aria-label': 'Events' },
      h('header', {}, h('h3', {}, 'Events'), filter),
      h(
        'div',
        { class: 'log-frame', tabindex: '0', role: 'region', 'aria-label': 'List of events' },
        h('table', {}, h('thead', {}, h('tr', {}, ...heads)), this.#rows),
        this.#empty,
      ),
    );
    this.#render();
  }

  /** Replaces everything. */
  set(entries: readonly LogEntry[]): void {
    this.#entries = entries.slice(-limit);
    this.#render();
  }

  append(entries: readonly LogEntry[]): void {
    this.#entries = [...this.#entries, ...entries].slice(-limit);
    this.#render();
  }

  #render(): void {
    const shown = this.#entries.filter((entry) => entry.level !== 'debug' && this.#matches(entry)).reverse();
    const now = Date.now();
    this.#rows.replaceChildren(...shown.map((entry) => row(entry, now)));
    this.#empty.hidden = shown.length > 0;
    this.#empty.textContent = this.#entries.length === 0 ? 'No events yet.' : 'No event matches the filter.';
  }

  #matches(entry: LogEntry): boolean {
    if (this.#filter === '') return true;
    const words = `${entry.host} ${entry.level} ${entry.code} ${entry.message}`;
    return words.toLowerCase().includes(this.#filter);
  }
}

function row(entry: LogEntry, now: number): HTMLElement {
  const levels = { debug: 'debug', info: 'info', warn: 'warning', error: 'error' };
  return h(
    'tr',
    { 'data-level': entry.level },
    h('td', { class: 'time' }, clock(entry.time, now)),
    h('td', {}, entry.host),
    h('td', { class: 'level' }, levels[entry.level]),
    h('td', { class: 'code' }, entry.code),
    h('td', { class: 'message' }, entry.message),
  );
}
