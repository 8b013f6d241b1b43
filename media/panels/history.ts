import type { FailoverReport, ResyncReport, ResyncStatus } from '../../schemas/generated/api.ts';
import type { PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { ago, bytes, duration, perSecond } from './words.ts';

/** A resync as it goes, or the last one; and the last move of the server. */
export class History {
  readonly element: HTMLElement;
  readonly #title = h('h3');
  readonly #resync = h('p');
  readonly #facts = h('p', { class: 'muted' });
  readonly #fill = h('div', { class: 'fill' });
  readonly #bar = h(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    this.#fill,
  );
  readonly #move = h('p');
  readonly #moveFacts = h('p', { class: 'muted' });

  constructor() {
    this.element = h(
      'div',
      { class: 'history' },
      h('section', { class: 'card', 'aria-label': 'Resync' }, this.#title, this.#resync, this.#bar, this.#facts),
      h('section', { class: 'card', 'aria-label': 'Last move' }, h('h3', {}, 'Last move'), this.#move, this.#moveFacts),
    );
  }

  update({ module }: PanelState, now: number): void {
    const running = module?.onHosts.find((replica) => replica.resync !== null)?.resync ?? null;
    this.#bar.hidden = running === null;
    if (running === null) this.#showLast(module?.lastResync ?? null, now);
    else this.#showRunning(running);
    this.#showMove(module?.lastFailover ?? null, now);
  }

  #showRunning(resync: ResyncStatus): void {
    const percent = resync.toCheck === 0 ? 100 : Math.min(100, Math.floor((100 * resync.checked) / resync.toCheck));
    const left =
      resync.secondsLeft === null ? 'time left not known yet' : `${duration(resync.secondsLeft * 1000)} left`;
    setText(this.#title, 'Resynchronising');
    setText(this.#resync, `${percent} % · ${left}`);
    setAttribute(this.#bar, 'aria-valuenow', String(percent));
    setAttribute(this.#bar, 'aria-label', `Resync ${percent} percent, ${left}`);
    this.#fill.style.width = `${percent}%`;
    const facts = [
      `${bytes(resync.checked)} of ${bytes(resync.toCheck)} compared at ${perSecond(resync.rate)}`,
      `${bytes(resync.sent)} sent`,
      `${resync.kind}: ${resync.cause}`,
    ];
    setText(this.#facts, facts.join(' · '));
  }

  #showLast(report: ResyncReport | null, now: number): void {
    setText(this.#title, 'Last resync');
    if (report === null) {
      setText(this.#resync, 'None since this cluster was set up.');
      setText(this.#facts, 'After an interruption only what changed is compared and sent.');
      return;
    }
    setText(
      this.#resync,
      `${report.host} brought up to date in ${duration(report.durationMs)}, ${ago(Date.parse(report.at), now)}`,
    );
    setText(
      this.#facts,
      `${report.kind}: ${report.cause} · ${bytes(report.checked)} compared · ${bytes(report.sent)} sent`,
    );
  }

  #showMove(report: FailoverReport | null, now: number): void {
    if (report === null) {
      setText(this.#move, 'The server has not changed hosts yet.');
      setText(this.#moveFacts, 'A failover or switchover is told here, with its duration.');
      return;
    }
    const kinds = { failover: 'Failover', switchover: 'Switchover', force: 'Forced' };
    const route = report.from === null ? `to ${report.to}` : `from ${report.from} to ${report.to}`;
    setText(
      this.#move,
      `${kinds[report.kind]} ${route} in ${duration(report.durationMs)}, ${ago(Date.parse(report.at), now)}`,
    );
    setText(this.#moveFacts, `${report.cause} · epoch ${report.epoch}`);
  }
}
