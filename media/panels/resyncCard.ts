import type { ResyncBandwidth, ResyncPause, ResyncReport, ResyncStatus } from '../../schemas/generated/api.ts';
import type { ActionFacts, ActionName, PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { button } from './toolkit.ts';
import type { Button } from './toolkit.ts';
import { ago, bytes, count, duration, perSecond } from './words.ts';

const labels: readonly (readonly [ActionName, string])[] = [
  ['pauseResync', 'Pause…'],
  ['resumeResync', 'Resume'],
  ['paceResync', 'Bandwidth…'],
];

/** A resync as it goes, with what can be done about it, or the last one. */
export class ResyncCard {
  readonly element: HTMLElement;
  readonly #title = h('h3');
  readonly #result = h('p');
  readonly #facts = h('p', { class: 'muted' });
  readonly #notes = h('p', { class: 'note' });
  readonly #fill = h('div', { class: 'fill' });
  readonly #bar = h(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    this.#fill,
  );
  readonly #buttons = new Map<ActionName, Button>();

  constructor(onAction: (name: ActionName) => void) {
    const actions = h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Resync' });
    for (const [name, label] of labels) {
      const made = button(label, () => onAction(name));
      this.#buttons.set(name, made);
      actions.append(made.element);
    }
    this.element = h(
      'section',
      { class: 'card resync', 'aria-label': 'Resync' },
      h('header', {}, this.#title, actions),
      this.#result,
      this.#bar,
      this.#facts,
      this.#notes,
    );
  }

  /** @param busy what is being done now; then nothing else can be asked for */
  update({ module, link, actions, connection }: PanelState, busy: string | null, now: number): void {
    const replicas = module?.onHosts.filter(({ known }) => known) ?? [];
    const running = replicas.find(({ resync }) => resync)?.resync ?? null;
    const paused = replicas.find(({ resyncPaused }) => resyncPaused)?.resyncPaused ?? null;
    const lost = replicas.find(({ undoLost }) => undoLost);
    this.#bar.hidden = running === null;
    if (running === null) this.#showLast(module?.lastResync ?? null, now);
    else this.#showRunning(running, paused, connection.connected, now);
    const notes = [
      paused ? `Paused ${ago(Date.parse(paused.at), now)} by ${paused.by}. ${link.detail}` : '',
      lost
        ? `What ${lost.host} was before this resync is not kept (${lost.undoLost ?? ''}): until its end it is of no use alone.`
        : '',
    ].filter((note) => note !== '');
    setText(this.#notes, notes.join(' '));
    this.#notes.hidden = notes.length === 0;
    for (const [name] of labels) this.#updateButton(name, actions, busy);
  }

  /** @param isLive whether it is of now: without a connection nobody knows how far it is */
  #showRunning(resync: ResyncStatus, paused: ResyncPause | null, isLive: boolean, now: number): void {
    const { toCheck, checked, sent, holes = 0, names, rate, sentRate = 0, bandwidth, secondsLeft, startedAt } = resync;
    const percent = toCheck === 0 ? 100 : Math.min(100, Math.floor((100 * checked) / toCheck));
    const left = secondsLeft === null ? 'time left not known yet' : `${duration(secondsLeft * 1000)} left`;
    const state = !isLive ? 'last known' : paused ? 'paused' : left;
    const isMoving = isLive && !paused;
    setText(this.#title, !isLive ? 'Resync' : paused ? 'Resync paused' : 'Resynchronising');
    setText(this.#result, `${percent} % · ${state}`);
    setAttribute(this.#bar, 'aria-valuenow', String(percent));
    setAttribute(this.#bar, 'aria-label', `Resync ${percent} percent, ${state}`);
    this.#fill.style.width = `${percent}%`;
    const facts = [
      `${bytes(checked)} of ${bytes(toCheck)} compared${isMoving ? ` at ${perSecond(rate)}` : ''}`,
      ...(holes > 0 ? [`${bytes(holes)} in holes`] : []),
      `${bytes(sent)} sent${isMoving ? ` at ${perSecond(sentRate)}` : ''}`,
      `${bytes(Math.max(0, toCheck - checked))} to go`,
      ...(names === undefined ? [] : [`${count(names)} names`]),
      ...(bandwidth === undefined ? [] : [`bandwidth ${bandwidthWords(bandwidth)}`]),
      ...(startedAt === undefined ? [] : [`begun ${ago(Date.parse(startedAt), now)}`]),
      `${resync.kind}: ${resync.cause}`,
    ];
    setText(this.#facts, facts.join(' · '));
  }

  #showLast(report: ResyncReport | null, now: number): void {
    setText(this.#title, 'Last resync');
    if (report === null) {
      setText(this.#result, 'None since this cluster was set up.');
      setText(this.#facts, 'After an interruption only what changed is compared and sent.');
      return;
    }
    const { host, kind, cause, at, checked, sent, durationMs } = report;
    setText(this.#result, `${host} brought up to date in ${duration(durationMs)}, ${ago(Date.parse(at), now)}`);
    setText(this.#facts, `${kind}: ${cause} · ${bytes(checked)} compared · ${bytes(sent)} sent`);
  }

  #updateButton(name: ActionName, actions: readonly ActionFacts[], busy: string | null): void {
    const facts = actions.find((action) => action.name === name);
    const made = this.#buttons.get(name);
    if (made === undefined) return;
    const enabled = facts?.enabled === true;
    made.update({ enabled: enabled && busy === null, hint: busy ?? facts?.hint ?? 'Not known yet.', primary: false });
    made.element.hidden = !enabled;
  }
}

function bandwidthWords(bandwidth: ResyncBandwidth): string {
  return typeof bandwidth === 'number' ? perSecond(bandwidth) : (bandwidth ?? 'unlimited');
}
