import type { MaintenanceStatus } from '../../schemas/generated/api.ts';
import type { ActionName, PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { StateMark } from './stateMark.ts';
import { button } from './toolkit.ts';
import type { Button } from './toolkit.ts';
import { ago, clock, span } from './words.ts';

const labels: readonly (readonly [ActionName, string])[] = [
  ['start', 'Start'],
  ['switchover', 'Switch Over'],
  ['stop', 'Stop'],
  ['forcePrimary', 'Force Primary…'],
  ['resolve', 'Resolve Divergence…'],
];

export interface HeaderEvents {
  readonly onAction: (name: ActionName) => void;
  readonly onReconnect: () => void;
}

/** Name, state and actions of the module, and what a person should know before acting. */
export class Header {
  readonly element: HTMLElement;
  readonly #name = h('h1');
  readonly #state = new StateMark();
  readonly #facts = h('p', { class: 'muted facts' });
  readonly #buttons = new Map<ActionName, Button>();
  readonly #outcome = h('p', { class: 'outcome', role: 'status' });
  readonly #connection = h('span');
  readonly #reconnect: Button;
  readonly #banner: HTMLElement;
  readonly #warnings = h('ul', { class: 'warnings' });
  #busy: string | null = null;
  #forget: number | undefined;

  constructor(events: HeaderEvents) {
    const actions = h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Actions' });
    for (const [name, label] of labels) {
      const made = button(label, () => events.onAction(name));
      this.#buttons.set(name, made);
      actions.append(made.element);
    }
    this.#reconnect = button('Reconnect Now', events.onReconnect);
    this.#reconnect.update({ enabled: true, hint: 'Try at once instead of by itself a little later.', primary: false });
    this.#banner = h('div', { class: 'banner', role: 'status' }, this.#connection, this.#reconnect.element);
    this.element = h(
      'header',
      { class: 'top' },
      h('div', { class: 'headline' }, h('div', { class: 'title' }, this.#name, this.#state.element), actions),
      this.#facts,
      this.#banner,
      this.#warnings,
      this.#outcome,
    );
    this.showOutcome(null, false);
  }

  update(state: PanelState, now: number): void {
    const { module, connection } = state;
    setText(this.#name, state.moduleName);
    this.#state.update(state.overall);
    const without = state.arbiterAnswers === false ? ', but the arbiter does not answer' : '';
    const failover = module?.automaticFailover === true ? `on${without}` : 'off';
    const facts = [
      ...(state.cluster === '' ? [] : [`Cluster ${state.cluster}`]),
      ...(module === null
        ? []
        : [
            `epoch ${module.epoch}`,
            `server ${module.serverKind}`,
            `automatic failover ${failover}`,
            ...(module.directories ?? [module.directory]),
          ]),
    ];
    setText(this.#facts, facts.join('  ·  '));
    this.#banner.hidden = connection.connected && connection.problem === null;
    this.#reconnect.element.hidden = !connection.mayReconnect;
    const age = connection.asOf === null ? '' : ` Shown as of ${ago(connection.asOf, now)}.`;
    const title = connection.connected ? '' : 'Not connected. ';
    setText(this.#connection, `${title}${connection.problem ?? ''}${connection.connected ? '' : age}`);
    const { maintenance = null, warnings = [] } = module ?? {};
    this.#showWarnings([...(maintenance ? [maintenanceWords(maintenance, now)] : []), ...warnings]);
    this.#updateButtons(state);
  }

  /** Says that an action is under way; null: none is. */
  setBusy(label: string | null): void {
    this.#busy = label;
    if (label !== null) this.showOutcome(label, false);
  }

  /** What came of an action. */
  showOutcome(text: string | null, failed: boolean): void {
    setText(this.#outcome, text ?? '');
    this.#outcome.hidden = text === null;
    setAttribute(this.#outcome, 'data-failed', failed);
    clearTimeout(this.#forget);
    // What went well is seen in the states soon enough; what failed stays until the next action.
    if (!failed && this.#busy === null) this.#forget = window.setTimeout(() => (this.#outcome.hidden = true), 15_000);
  }

  #updateButtons(state: PanelState): void {
    for (const [name] of labels) {
      const facts = state.actions.find((action) => action.name === name);
      const enabled = facts?.enabled === true && this.#busy === null;
      const made = this.#buttons.get(name);
      if (made === undefined) continue;
      const primary = name === (state.module?.desired === 'stopped' ? 'start' : 'switchover');
      made.update({ enabled, hint: this.#busy ?? facts?.hint ?? 'Not known yet.', primary: primary && enabled });
      // What makes no sense is not in the way; what is merely not possible now stays visible, with the reason.
      made.element.hidden =
        facts?.makesSense !== true && (name === 'forcePrimary' || name === 'start' || name === 'resolve');
    }
  }

  #showWarnings(warnings: readonly string[]): void {
    if (this.#warnings.dataset['key'] === warnings.join('\n')) return;
    this.#warnings.dataset['key'] = warnings.join('\n');
    this.#warnings.replaceChildren(...warnings.map((warning) => h('li', {}, warning)));
    this.#warnings.hidden = warnings.length === 0;
  }
}

function maintenanceWords({ until, reason, by }: MaintenanceStatus, now: number): string {
  const when = `In maintenance until ${clock(until, now)}, ${span(Date.parse(until) - now)} left`;
  return `${when}: neither restarted nor taken over by itself${reason === null ? '' : ` (${reason})`}. Begun by ${by}.`;
}
