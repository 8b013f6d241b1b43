import type { FailoverReport } from '../../schemas/generated/api.ts';
import type { ActionName, PanelState } from '../../schemas/panel.ts';
import { h, setText } from './dom.ts';
import { ResyncCard } from './resyncCard.ts';
import { ago, duration } from './words.ts';

/** A resync as it goes, or the last one; and the last move of the server. */
export class History {
  readonly element: HTMLElement;
  readonly #resync: ResyncCard;
  readonly #move = h('p');
  readonly #moveFacts = h('p', { class: 'muted' });

  constructor(onAction: (name: ActionName) => void) {
    this.#resync = new ResyncCard(onAction);
    this.element = h(
      'div',
      { class: 'history' },
      this.#resync.element,
      h('section', { class: 'card', 'aria-label': 'Last move' }, h('h3', {}, 'Last move'), this.#move, this.#moveFacts),
    );
  }

  /** @param busy what is being done now; then nothing else can be asked for */
  update(state: PanelState, busy: string | null, now: number): void {
    this.#resync.update(state, busy, now);
    this.#showMove(state.module?.lastFailover ?? null, now);
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
