import { isOverloaded, loadText } from '../../schemas/capacity.ts';
import type { HostStatus, ReplicaStatus } from '../../schemas/generated/api.ts';
import type { PanelState, StateFacts } from '../../schemas/panel.ts';
import { isUnheard } from '../../schemas/unheard.ts';
import { h, setAttribute, setText } from './dom.ts';
import { StateMark } from './stateMark.ts';
import { ago, span } from './words.ts';

const unknown: StateFacts = { severity: 'unknown', word: '?', label: 'not known' };

/** One host of the module. */
export class HostCard {
  readonly element: HTMLElement;
  readonly #name = h('h2');
  readonly #role = h('span', { class: 'role' });
  readonly #state = new StateMark();
  readonly #reason = h('p', { class: 'reason' });
  readonly #server = h('dd');
  readonly #since = h('dd');
  readonly #epoch = h('dd');
  readonly #networks = h('dd', { class: 'networks' });
  readonly #addresses = h('dd');
  readonly #addressRow: HTMLElement;
  readonly #load = h('dd', { class: 'load' });
  readonly #loadRow: HTMLElement;

  constructor() {
    const row = (label: string, value: HTMLElement): HTMLElement => h('div', {}, h('dt', {}, label), value);
    this.#addressRow = row('Virtual addresses', this.#addresses);
    this.#loadRow = row('Carries', this.#load);
    this.element = h(
      'section',
      { class: 'card host' },
      h('header', {}, this.#name, this.#role),
      this.#state.element,
      this.#reason,
      h(
        'dl',
        {},
        row('Server', this.#server),
        row('In this state', this.#since),
        row('Epoch', this.#epoch),
        row('Networks', this.#networks),
        this.#addressRow,
        this.#loadRow,
      ),
    );
  }

  update(state: PanelState, name: string, now: number): void {
    const replica = state.module?.onHosts.find((candidate) => candidate.host === name);
    const host = state.hosts.find((candidate) => candidate.name === name);
    // Without a connection nobody knows what still holds.
    const { connected } = state.connection;
    const isLive = replica?.known === true && connected;
    const primary = state.link.from === name;
    setText(this.#name, name);
    setAttribute(this.element, 'aria-label', `Host ${name}`);
    const follows = state.link.kind === 'in-sync' || state.link.kind === 'resynchronising';
    const role = primary ? 'Primary' : follows && state.link.to === name ? 'Secondary' : '';
    setText(this.#role, [role, host?.drain ?? ''].filter(Boolean).join(' · '));
    setAttribute(this.element, 'data-primary', primary);
    setAttribute(this.element, 'data-known', isLive);
    this.#state.update(state.replicas[name] ?? unknown);
    const reason = replica?.known === false ? `Not heard from. ${lastSeen(host, now)}` : (replica?.reason ?? '');
    setText(this.#reason, reason);
    this.#reason.hidden = reason === '';
    setText(this.#server, replica === undefined ? '–' : serverWords(replica, isLive));
    const isHeard = replica !== undefined && !isUnheard(replica);
    setText(this.#since, isHeard && isLive ? span(now - Date.parse(replica.since)) : '–');
    setText(this.#epoch, isHeard ? String(replica.epoch) : '–');
    this.#updateNetworks(connected ? host : undefined);
    this.#addressRow.hidden = (state.module?.virtualAddresses ?? []).length === 0;
    setText(this.#addresses, replica === undefined ? '–' : addressWords(replica, isLive));
    const load = host?.load ?? null;
    this.#loadRow.hidden = load === null;
    setText(this.#load, load === null ? '' : `${loadText(load)}${isOverloaded(load) ? ' (more than it has)' : ''}`);
    setAttribute(this.#load, 'data-overloaded', load !== null && isOverloaded(load));
  }

  #updateNetworks(host: HostStatus | undefined): void {
    const words = (host?.networks ?? []).map((network) => {
      const rtt = network.rttMs === null ? '' : ` ${network.rttMs.toFixed(network.rttMs < 10 ? 1 : 0)} ms`;
      return { up: network.up, text: `${network.name} ${network.up ? `up${rtt}` : 'down'}`, address: network.address };
    });
    const key = JSON.stringify(words);
    if (this.#networks.dataset['key'] === key) return;
    this.#networks.dataset['key'] = key;
    this.#networks.replaceChildren(
      ...words.map(({ up, text, address }) =>
        h('span', { class: up ? 'network' : 'network down', title: address }, text),
      ),
      ...(words.length === 0 ? ['–'] : []),
    );
  }
}

function serverWords(replica: ReplicaStatus, isLive: boolean): string {
  const { state, detail, restarts } = replica.server;
  if (!isLive) return isUnheard(replica) ? 'not known' : `not known, last ${state}`;
  const extra = [detail ?? '', restarts > 0 ? `${restarts} restart${restarts === 1 ? '' : 's'}` : ''].filter(
    (part) => part !== '',
  );
  return extra.length === 0 ? state : `${state} (${extra.join(', ')})`;
}

function addressWords({ virtualAddresses = [] }: ReplicaStatus, isLive: boolean): string {
  if (!isLive) return 'not known';
  return virtualAddresses.map((each) => `${each.address} (${each.interface})`).join(', ') || 'none here';
}

function lastSeen(host: HostStatus | undefined, now: number): string {
  return host?.lastSeen ? `Last seen ${ago(Date.parse(host.lastSeen), now)}.` : '';
}
