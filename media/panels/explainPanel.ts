import type { Diagnostic } from '../../schemas/diagnostic.ts';
import type { ExplainedFault, ExplainedModule, ExplainState } from '../../schemas/explain.ts';
import { h, setAttribute, setText } from './dom.ts';
import { Simulator } from './explain/simulator.ts';
import { keyOf } from './explain/words.ts';
import { HostRpc } from './hostRpc.ts';
import { button, registerComponents } from './toolkit.ts';

registerComponents();
const host = new HostRpc();
const title = h('h1', {}, '…');
const about = h('p', { class: 'muted' });
const status = h('p', { class: 'status muted', role: 'status' });
const problems = h('section', { class: 'card problems', 'aria-labelledby': 'problems-title' });
const simulator = new Simulator();
const faults = h('section', { class: 'faults', 'aria-labelledby': 'faults-title' });
const assumptions = h('section', { class: 'card assumptions', 'aria-labelledby': 'assumptions-title' });
/** Of what stands there now: nothing is made anew while only the busy mark changes. */
let shown: number | null = null;

const page = document.getElementById('page');
page?.append(h('header', { class: 'top' }, title, about, status), problems, simulator.element, faults, assumptions);

host.on<{ uri: string }>('panel.identity', (identity) => host.keep(identity));
host.on<ExplainState>('explain.state', (state) => {
  const { explained, file, isBusy, diagnostics, failure, revision } = state;
  setText(title, explained === null ? file : `What ${explained.module} does in a failure`);
  setText(about, explained === null ? '' : aboutText(explained));
  setText(
    status,
    isBusy
      ? 'Working it out…'
      : explained === null
        ? 'Not explained.'
        : 'Played with the failover core, by the text as it stands.',
  );
  showProblems(diagnostics, failure);
  for (const each of [simulator.element, faults, assumptions]) each.hidden = explained === null;
  if (explained !== null && revision !== shown) show(explained);
  shown = revision;
  setAttribute(page ?? title, 'aria-busy', isBusy ? 'true' : 'false');
});

function aboutText({ hosts }: ExplainedModule): string {
  return `It runs on ${hosts[0]} when nothing has failed, and ${hosts[1]} follows.`;
}

function show(explained: ExplainedModule): void {
  simulator.update(explained);
  faults.replaceChildren(
    h('h2', { id: 'faults-title' }, 'Each failure'),
    ...explained.faults.map((fault) => faultElement(fault)),
  );
  assumptions.replaceChildren(
    h('h2', { id: 'assumptions-title' }, 'What this hangs on'),
    h('ul', {}, ...explained.assumptions.map((text) => h('li', {}, text))),
  );
}

function faultElement(fault: ExplainedFault): HTMLElement {
  const showing = button('Show over time', () => simulator.show(keyOf(fault)));
  showing.update({ enabled: true, hint: fault.title, primary: false });
  const name = fault.title.charAt(0).toUpperCase() + fault.title.slice(1);
  return h(
    'article',
    { class: 'card fault', 'data-fault': fault.fault },
    h('header', {}, h('h3', {}, name), showing.element),
    ...fault.sentences.map((text) => h('p', {}, text)),
  );
}

function showProblems(diagnostics: readonly Diagnostic[], failure: string | null): void {
  problems.hidden = diagnostics.length === 0 && failure === null;
  if (problems.hidden) return;
  const lines = diagnostics.map(({ severity, message, line, column, path, file }) =>
    h(
      'li',
      { 'data-severity': severity },
      h('strong', {}, severity === 'error' ? 'Error' : 'Warning'),
      ` ${file.slice(file.lastIndexOf('/') + 1)}, line ${line}, column ${column}${path === '' ? '' : `, ${path}`}: ${message}`,
    ),
  );
  const showing = button('Show File', () => host.notify('explain.openFile'));
  showing.update({ enabled: true, hint: 'shows the module file in the editor', primary: false });
  problems.replaceChildren(
    h('h2', { id: 'problems-title' }, diagnostics.some(({ severity }) => severity === 'error') ? 'Errors' : 'To know'),
    ...(failure === null ? [] : [h('p', {}, failure)]),
    h('ul', {}, ...lines),
    showing.element,
  );
}

host.notify('panel.ready');
