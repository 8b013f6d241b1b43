import type { LastVerify, VerifySchedule, VerifyStatus } from '../../schemas/generated/api.ts';
import type { ActionFacts, ActionName, PanelState } from '../../schemas/panel.ts';
import { h, setAttribute, setText } from './dom.ts';
import { button } from './toolkit.ts';
import type { Button } from './toolkit.ts';
import { ago, bytes, count, duration, perSecond } from './words.ts';

const labels: readonly (readonly [ActionName, string])[] = [
  ['verify', 'Verify'],
  ['stopVerify', 'Stop Verify'],
  ['repair', 'Repair Differences…'],
];

/** The comparison of both replicas: as it goes, or what the last one found, with what can be done about it. */
export class VerifyCard {
  readonly element: HTMLElement;
  readonly #title = h('h3');
  readonly #result = h('p');
  readonly #facts = h('p', { class: 'muted' });
  readonly #fill = h('div', { class: 'fill' });
  readonly #bar = h(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    this.#fill,
  );
  readonly #list = h('ul', { class: 'differences' });
  readonly #buttons = new Map<ActionName, Button>();

  constructor(onAction: (name: ActionName) => void) {
    const actions = h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Verify' });
    for (const [name, label] of labels) {
      const made = button(label, () => onAction(name));
      this.#buttons.set(name, made);
      actions.append(made.element);
    }
    this.element = h(
      'section',
      { class: 'card verify', 'aria-label': 'Verify' },
      h('header', {}, this.#title, actions),
      this.#result,
      this.#bar,
      this.#facts,
      this.#list,
    );
  }

  /** @param busy what is being done now; then nothing else can be asked for */
  update({ module, actions, connection }: PanelState, busy: string | null, now: number): void {
    const running = module?.onHosts.find((replica) => replica.known && replica.verify)?.verify ?? null;
    const last = module?.lastVerify ?? null;
    const schedule = module?.onHosts.find((replica) => replica.known && replica.verifySchedule)?.verifySchedule ?? null;
    this.#bar.hidden = running === null;
    if (running) this.#showRunning(running, connection.connected, now);
    else this.#showLast(last, schedule, now);
    this.#showDifferences(running === null && last ? last : null);
    for (const [name] of labels) this.#updateButton(name, actions, busy);
  }

  /** @param isLive whether it is of now: without a connection nobody knows how far it is */
  #showRunning(verify: VerifyStatus, isLive: boolean, now: number): void {
    const percent = verify.toCheck === 0 ? 0 : Math.min(100, Math.floor((100 * verify.checked) / verify.toCheck));
    const left =
      verify.secondsLeft === null ? 'time left not known yet' : `${duration(verify.secondsLeft * 1000)} left`;
    const state = isLive ? left : 'last known';
    setText(this.#title, isLive ? 'Verifying' : 'Verify');
    setText(this.#result, `${percent} % · ${state}`);
    setAttribute(this.#bar, 'aria-valuenow', String(percent));
    setAttribute(this.#bar, 'aria-label', `Verify ${percent} percent, ${state}`);
    this.#fill.style.width = `${percent}%`;
    const facts = [
      `${bytes(verify.checked)} of ${bytes(verify.toCheck)} compared${isLive ? ` at ${perSecond(verify.rate)}` : ''}`,
      `${count(verify.names)} names`,
      differences(verify.differences),
      `begun ${ago(Date.parse(verify.startedAt), now)}`,
    ];
    setText(this.#facts, facts.join(' · '));
    setAttribute(this.#result, 'data-severity', false);
  }

  #showLast(last: LastVerify | null, schedule: VerifySchedule | null, now: number): void {
    setText(this.#title, 'Last verify');
    setAttribute(this.#result, 'data-severity', last === null ? false : severityOf(last));
    if (last === null) {
      setText(this.#result, 'Both replicas have not been compared yet.');
      const hint = 'A verify compares them while the server runs, and changes nothing.';
      setText(this.#facts, schedule === null ? hint : `${hint} ${scheduled(schedule)}.`);
      return;
    }
    setText(this.#result, `${resultOf(last)}, ${ago(Date.parse(last.at), now)}`);
    const facts = [
      `${count(last.names)} names and ${bytes(last.checked)} compared in ${duration(last.durationMs)}`,
      `asked for by ${last.by}`,
    ];
    if (last.repair) {
      const { host, by, differences: repaired } = last.repair;
      const what = `${differences(repaired)} on ${host}`;
      facts.push(
        last.repair.phase === 'begun'
          ? `${what} being repaired, asked for by ${by}`
          : `after the repair of ${what}; what ${host} held is kept aside there`,
      );
    }
    if (schedule !== null) facts.push(scheduled(schedule));
    setText(this.#facts, facts.join(' · '));
  }

  #showDifferences(last: LastVerify | null): void {
    const key = last === null ? '' : `${last.at} ${last.total}`;
    this.#list.hidden = last === null || last.total === 0;
    if (this.#list.dataset['key'] === key) return;
    this.#list.dataset['key'] = key;
    const found = last?.differences ?? [];
    const more = (last?.total ?? 0) - found.length;
    this.#list.replaceChildren(
      ...found.map(({ path, what, detail }) =>
        h('li', {}, h('code', {}, path === '' ? '.' : path), h('span', {}, `${what}: ${detail}`)),
      ),
      ...(more > 0
        ? [h('li', { class: 'muted' }, `… and ${more} more: verify.json of the module on ${last?.host ?? ''}`)]
        : []),
    );
  }

  #updateButton(name: ActionName, actions: readonly ActionFacts[], busy: string | null): void {
    const facts = actions.find((action) => action.name === name);
    const made = this.#buttons.get(name);
    if (made === undefined) return;
    const enabled = facts?.enabled === true;
    made.update({ enabled: enabled && busy === null, hint: busy ?? facts?.hint ?? 'Not known yet.', primary: false });
    const running = actions.some((action) => action.name === 'stopVerify' && action.enabled);
    made.element.hidden = name === 'verify' ? running : !enabled;
  }
}

function scheduled({ next, dueSince }: VerifySchedule): string {
  return dueSince === null
    ? `the next one ${clock(next)}`
    : `due since ${clock(dueSince)}, begun as soon as the pair is whole`;
}

function clock(time: string): string {
  return new Date(time).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}

function resultOf({ outcome, reason, total }: LastVerify): string {
  if (outcome === 'complete') return total === 0 ? 'Both replicas are equal' : `${differences(total)} found`;
  return `Not complete (${reason ?? outcome}), ${differences(total)} until then`;
}

function severityOf({ outcome, total }: LastVerify): string {
  if (total > 0) return 'error';
  return outcome === 'complete' ? 'good' : 'warning';
}

function differences(number: number): string {
  return number === 0 ? 'no differences' : number === 1 ? '1 difference' : `${count(number)} differences`;
}
