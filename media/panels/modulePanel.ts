import type { LogResult, CommandResult } from '../../schemas/generated/api.ts';
import type { ActionName, PanelHistory, PanelLog, PanelState, TrafficSample } from '../../schemas/panel.ts';
import { ChecksCard } from './checksCard.ts';
import { h } from './dom.ts';
import { EventLog } from './eventLog.ts';
import { Figures } from './figures.ts';
import { Header } from './header.ts';
import { History } from './history.ts';
import { HostCard } from './hostCard.ts';
import { HostRpc, Refused } from './hostRpc.ts';
import { LinkArrow } from './linkArrow.ts';
import { Plot } from './plot.ts';
import { registerComponents } from './toolkit.ts';
import { VerifyCard } from './verifyCard.ts';
import { micros, perSecond } from './words.ts';

registerComponents();
const host = new HostRpc();
const header = new Header({ onAction: (name) => void act(name), onReconnect: () => host.notify('panel.reconnect') });
const left = new HostCard();
const right = new HostCard();
const arrow = new LinkArrow();
const figures = new Figures();
const checks = new ChecksCard();
const history = new History((name) => void act(name));
const verify = new VerifyCard((name) => void act(name));
const log = new EventLog();
const throughput = new Plot({
  title: 'Throughput',
  format: perSecond,
  colour: '--vscode-charts-blue',
  empty: 'Nothing is written now. The plot begins when a server runs.',
  atLeast: 64 * 1024,
  base: 2,
});
const lag = new Plot({
  title: 'Replication lag',
  format: micros,
  colour: '--vscode-charts-orange',
  empty: 'No secondary acknowledges writes now.',
  atLeast: 500,
  base: 10,
});
let state: PanelState | null = null;
let logLoaded = false;
/** What is being done for the person now. */
let busy: string | null = null;

const page = document.getElementById('page');
page?.append(
  header.element,
  h('div', { class: 'pair' }, left.element, arrow.element, right.element),
  h('div', { class: 'metrics' }, throughput.element, lag.element),
  figures.element,
  checks.element,
  history.element,
  verify.element,
  log.element,
);

host.on<{ clusterId: string; module: string }>('panel.identity', (identity) => host.keep(identity));
host.on<PanelHistory>('panel.history', ({ samples }) => {
  const times = samples.map((sample) => sample.time);
  throughput.set(
    times,
    samples.map((sample) => sample.bytesPerSecond),
  );
  lag.set(
    times,
    samples.map((sample) => sample.lagMicros),
  );
});
host.on<TrafficSample>('panel.sample', (sample) => {
  throughput.add(sample.time, sample.bytesPerSecond);
  lag.add(sample.time, sample.lagMicros);
});
host.on<PanelLog>('log.appended', ({ entries }) => log.append(entries));
host.on<PanelState>('panel.state', (next) => {
  const reconnected = next.connection.connected && state?.connection.connected !== true;
  state = next;
  // After a gap the log may lack entries: it is read anew.
  if (reconnected || !logLoaded) void readLog(next);
  render();
});

function render(): void {
  if (state === null) return;
  const now = Date.now();
  const [first, second] = state.module?.hosts ?? [];
  header.update(state, now);
  left.update(state, first ?? '–', now);
  right.update(state, second ?? '–', now);
  arrow.update(state, first ?? '');
  throughput.setLive(state.connection.connected);
  lag.setLive(state.connection.connected);
  figures.update(state);
  checks.update(state, now);
  history.update(state, busy, now);
  verify.update(state, busy, now);
  page?.setAttribute('aria-busy', 'false');
}

async function readLog({ moduleName, connection }: PanelState): Promise<void> {
  if (!connection.connected) return;
  logLoaded = true;
  try {
    const result = (await host.request('log.read', { module: moduleName, limit: 200 })) as LogResult;
    log.set(result.entries);
  } catch {
    logLoaded = false; // The connection went meanwhile; the next state brings it back.
  }
}

async function act(name: ActionName): Promise<void> {
  if (state === null) return;
  const module = state.moduleName;
  const doing = {
    start: 'Starting',
    stop: 'Stopping',
    switchover: 'Switching over',
    forcePrimary: 'Forcing the primary of',
    resolve: 'Resolving the divergence of',
    verify: 'Verifying',
    stopVerify: 'Stopping the verify of',
    repair: 'Repairing',
    pauseResync: 'Pausing the resync of',
    resumeResync: 'Resuming the resync of',
    paceResync: 'Changing the bandwidth of the resync of',
  }[name];
  busy = `${doing} ${module}…`;
  header.setBusy(busy);
  render();
  const [text, failed] = await outcomeOf(`module.${name}`, module);
  busy = null;
  header.setBusy(null);
  header.showOutcome(text, failed);
  render();
}

/** What to say of a command, and whether it failed; null: the person has cancelled it. */
async function outcomeOf(method: string, module: string): Promise<[string | null, boolean]> {
  try {
    const result = (await host.request(method, { module })) as CommandResult;
    return [result.message, false];
  } catch (error) {
    const cancelled = error instanceof Refused && error.code === 'CONFIRMATION';
    return [cancelled ? null : error instanceof Error ? error.message : String(error), !cancelled];
  }
}

// Ages grow and plots move on by themselves, as long as somebody can see it.
setInterval(() => {
  if (document.visibilityState !== 'visible') return;
  render();
  throughput.tick();
  lag.tick();
}, 1000);
new MutationObserver(() => {
  throughput.restyle();
  lag.restyle();
}).observe(document.body, {
  attributes: true,
  attributeFilter: ['class', 'data-vscode-theme-kind', 'data-vscode-theme-id'],
});
host.notify('panel.ready');
