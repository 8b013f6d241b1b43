import type { ExplainedFault, TimelineEntry } from '../../../schemas/explain.ts';
import { h, setText } from '../dom.ts';
import { glyph, StateMark } from '../stateMark.ts';
import { scaleOf, type Scale } from './scale.ts';
import { clock, entryAt, factsOf } from './words.ts';

/** Steps of the slider from one end to the other. */
const steps = 1000;

/** States of both hosts over time, with a moment that can be moved. Everything in it stands in the table below as well. */
export class TimeLine {
  readonly element: HTMLElement;
  readonly #lanes = h('div', { class: 'lanes' });
  readonly #marks = h('div', { class: 'marks', 'aria-hidden': 'true' });
  readonly #cursor = h('div', { class: 'cursor', 'aria-hidden': 'true' });
  readonly #slider = h('input', { type: 'range', min: '0', max: String(steps), 'aria-label': 'Moment' });
  readonly #at = h('output', { class: 'at', 'aria-live': 'polite' });
  readonly #standing = h('dl', { class: 'standing' });
  readonly #body = h('tbody');
  #fault: ExplainedFault | null = null;
  #scale: Scale = scaleOf([], 1);
  #views: readonly { readonly host: string; readonly mark: StateMark; readonly set: HTMLElement }[] = [];

  constructor() {
    this.#slider.addEventListener('input', () => this.#showMoment());
    // From one change to the next: finding it by small steps would take a person long.
    this.#slider.addEventListener('keydown', (event) => this.#jump(event));
    this.element = h(
      'div',
      { class: 'time-line' },
      h('div', { class: 'track' }, this.#lanes, this.#marks, this.#cursor),
      h('div', { class: 'scrub' }, this.#slider, this.#at),
      this.#standing,
      h(
        'details',
        { class: 'steps' },
        h('summary', {}, 'All steps as a table'),
        h(
          'table',
          {},
          h(
            'thead',
            {},
            h('tr', {}, ...['Time', 'Host', 'State', 'In sync', 'What'].map((name) => h('th', { scope: 'col' }, name))),
          ),
          this.#body,
        ),
      ),
    );
  }

  update(fault: ExplainedFault, hosts: readonly string[]): void {
    const isOther = this.#fault?.title !== fault.title;
    this.#fault = fault;
    const moments = [...fault.timeline, ...fault.events.filter(({ code }) => code === 'FAULT')].map(({ atMs }) => atMs);
    this.#scale = scaleOf(moments, fault.durationMs);
    this.#lanes.replaceChildren(...hosts.map((host) => this.#lane(host, fault)));
    this.#marks.replaceChildren(...this.#markElements(fault));
    this.#views = hosts.map((host) => ({ host, mark: new StateMark(), set: h('span', { class: 'muted' }) }));
    this.#standing.replaceChildren(
      ...this.#views.map(({ host, mark, set }) => h('div', {}, h('dt', {}, host), h('dd', {}, mark.element, set))),
    );
    this.#body.replaceChildren(...rowsOf(fault));
    if (isOther) this.#slider.value = String(steps);
    this.#showMoment();
  }

  #lane(host: string, { timeline, durationMs }: ExplainedFault): HTMLElement {
    const entries = merged(timeline.filter((entry) => entry.host === host));
    const bars = entries.map((entry, index) => {
      const from = this.#scale.place(entry.atMs);
      const to = this.#scale.place(entries[index + 1]?.atMs ?? durationMs);
      const facts = factsOf(entry);
      const bar = h(
        'div',
        {
          class: 'bar',
          'data-severity': facts.severity,
          'data-state': entry.state,
          'data-server': entry.server,
          title: `${clock(entry.atMs)}: ${entry.state}${facts.label === '' ? '' : `, ${facts.label}`}`,
        },
        h('span', {}, glyph(facts.severity), entry.state),
      );
      bar.style.setProperty('left', percent(from));
      bar.style.setProperty('width', percent(to - from));
      return bar;
    });
    const words = entries.map((entry) => `${clock(entry.atMs)} ${entry.state}`).join(', ');
    return h(
      'div',
      { class: 'lane' },
      h('span', { class: 'lane-name' }, host),
      h('div', { class: 'bars', role: 'img', 'aria-label': `${host} over time: ${words}` }, ...bars),
    );
  }

  #markElements({ events }: ExplainedFault): HTMLElement[] {
    return events
      .filter(({ code }) => code === 'FAULT')
      .map(({ atMs, text }) => {
        const mark = h('div', { class: 'mark', title: `${clock(atMs)}: ${text}` }, h('span', {}, clock(atMs)));
        mark.style.setProperty('left', percent(this.#scale.place(atMs)));
        return mark;
      });
  }

  #showMoment(): void {
    const fault = this.#fault;
    if (fault === null) return;
    const place = Number(this.#slider.value) / steps;
    const atMs = this.#scale.moment(place);
    this.#cursor.style.setProperty('--at', String(place));
    const happened = fault.events.findLast((event) => event.code === 'FAULT' && event.atMs <= atMs);
    const words = `${clock(atMs)} after the fault${happened === undefined ? '' : `: ${happened.text}`}`;
    setText(this.#at, words);
    this.#slider.setAttribute('aria-valuetext', words);
    for (const { host, mark, set } of this.#views) {
      const entry = entryAt(fault.timeline, host, atMs);
      mark.update(entry === undefined ? unknown : factsOf(entry));
      setText(set, entry === undefined || entry.epoch === 0 ? '' : inSyncText(entry));
    }
  }

  #jump(event: KeyboardEvent): void {
    const step = event.key === 'PageUp' ? 1 : event.key === 'PageDown' ? -1 : 0;
    const fault = this.#fault;
    if (step === 0 || fault === null) return;
    event.preventDefault();
    const place = Number(this.#slider.value);
    const stops = [...new Set(fault.timeline.map(({ atMs }) => Math.ceil(this.#scale.place(atMs) * steps)))].sort(
      (a, b) => a - b,
    );
    const next = step > 0 ? stops.find((stop) => stop > place) : stops.findLast((stop) => stop < place);
    if (next === undefined) return;
    this.#slider.value = String(next);
    this.#showMoment();
  }
}

const unknown = { severity: 'unknown', word: '?', label: 'not known' } as const;

function inSyncText({ epoch, inSync }: TimelineEntry): string {
  return `epoch ${epoch}, in sync: ${inSync.join(', ')}`;
}

/** One bar for each state: what changes within it the moment tells. */
function merged(entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  return entries.filter((entry, index) => {
    const before = entries[index - 1];
    if (before === undefined || before.state !== entry.state || before.server !== entry.server) return true;
    return factsOf(before).severity !== factsOf(entry).severity;
  });
}

function rowsOf({ timeline, events }: ExplainedFault): HTMLElement[] {
  const changes = timeline.map((entry) => ({
    atMs: entry.atMs,
    cells: [entry.host, entry.state, entry.inSync.join(', '), factsOf(entry).label],
  }));
  const told = events
    .filter(({ code }) => code === 'FAULT')
    .map(({ atMs, host, text }) => ({ atMs, cells: [host ?? '', '', '', text] }));
  return [...told, ...changes]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, cells }) => h('tr', {}, ...[clock(atMs), ...cells].map((text) => h('td', {}, text))));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(3)}%`;
}
