import type { FormEdit, FormField, FormProblem, FormState } from '../../../schemas/form.ts';
import { h, setAttribute } from '../dom.ts';
import type { HostRpc } from '../hostRpc.ts';
import { elementId, type Around } from './around.ts';
import { Edits } from './edits.ts';
import { shownFields } from './filter.ts';
import { Header } from './header.ts';
import { PageState } from './pageState.ts';
import { ProblemIndex } from './problemIndex.ts';
import { ViewList } from './viewList.ts';
import { viewFor } from './views.ts';

/** Of the sections of the file: the title of the page is above them. */
const firstLevel = 2;

/** A file as a form: everything that is shown follows from the last state, and from what the person has set up. */
export class FormPage {
  readonly #host: HostRpc;
  readonly #settings: PageState;
  readonly #edits: Edits;
  readonly #header: Header;
  readonly #views = new ViewList(firstLevel, viewFor);
  readonly #nothing = h('p', { class: 'help', role: 'status' }, 'No field matches.');
  readonly #page: HTMLElement;
  #state: FormState | null = null;
  #problems = new ProblemIndex(null, []);
  /** The field that "Next Problem" went to last. */
  #visited: string | null = null;

  constructor(host: HostRpc, page: HTMLElement) {
    this.#host = host;
    this.#page = page;
    this.#settings = new PageState(host);
    this.#edits = new Edits(host, {
      tell: (text) => this.#header.tell(text),
      focus: (id, action) => this.#focus(id, partsAfter(action)),
      refresh: () => this.#render(),
    });
    this.#header = new Header(this.#settings, {
      changed: () => this.#render(),
      nextProblem: () => this.#nextProblem(),
      openText: (problem) => this.#openText(problem),
    });
    page.append(this.#header.element, this.#views.element, this.#nothing);
    document.addEventListener('keydown', (event) => this.#key(event), { capture: true });
    window.addEventListener('blur', () => this.#edits.commit());
    window.addEventListener('scrollend', () => this.#settings.change({ scroll: window.scrollY }));
  }

  show(state: FormState): void {
    const isFirst = this.#state === null;
    this.#state = state;
    this.#problems = new ProblemIndex(state.root, state.problems);
    this.#edits.follow(state);
    this.#render();
    if (isFirst) window.scrollTo({ top: this.#settings.scroll });
  }

  /** What is being typed goes into the file before it is saved. */
  flush(): void {
    this.#edits.commit();
  }

  #render(): void {
    const state = this.#state;
    if (state === null) return;
    this.#header.update(state, this.#problems.others);
    const around = this.#around(state);
    const fields = state.root?.fields ?? [];
    this.#views.update(fields, around);
    this.#nothing.hidden = state.root === null || fields.some((field) => around.isShown(field));
    setAttribute(this.#page, 'aria-busy', 'false');
  }

  #around({ root, locked }: FormState): Around {
    const edits = this.#edits;
    const settings = this.#settings;
    const problems = this.#problems;
    const shown =
      root === null ? new Set<string>() : shownFields(root, settings.filter, (id) => problems.of({ id }).length > 0);
    return {
      isLocked: locked !== null,
      isFullHelp: settings.isFullHelp,
      isShown: ({ id }) => shown.has(id),
      isOpen: (field) => settings.isOpen(field),
      problemsOf: (field) => problems.of(field),
      problemsWithin: (field) => problems.within(field),
      isTyping: ({ id }) => edits.isTyping(id),
      toggle: (field) => {
        settings.toggle(field);
        this.#render();
      },
      type: (field, text) => edits.type(field, text),
      commit: () => edits.commit(),
      make: (field: FormField, edit: FormEdit) => edits.make(field, edit),
    };
  }

  /** Before the editor takes a key of its own: what was typed is saved, and taken back, as if it were in the file already. */
  #key(event: KeyboardEvent): void {
    if (!event.ctrlKey && !event.metaKey) return;
    if (event.key.toLowerCase() === 'z' && !event.shiftKey && this.#edits.cancel()) {
      event.preventDefault();
      event.stopPropagation();
      this.#render();
    } else if (event.key.length === 1) this.#edits.commit();
  }

  #nextProblem(): void {
    const { fields } = this.#problems;
    const last = fields.findIndex(({ id }) => id === this.#visited);
    const next = fields[(last + 1) % Math.max(1, fields.length)];
    if (next === undefined) return;
    this.#visited = next.id;
    this.#focus(next.id, ['control', 'head', 'remove']);
  }

  /** Shows a field, or the nearest one that it was in, and gives the focus to the first of its parts that takes it. */
  #focus(id: string, parts: readonly string[]): void {
    const root = this.#state?.root ?? null;
    if (root === null) return;
    const way = wayTo(root, id);
    this.#settings.open(way.map((field) => field.id));
    if (way.some((field) => !this.#isShown(field))) this.#settings.change({ search: '', onlySet: false });
    this.#render();
    for (const field of way.toReversed()) {
      for (const part of field.id === id ? parts : ['add', 'head']) {
        const element = document.getElementById(elementId(field, part));
        if (element === null || element.hasAttribute('disabled') || element.offsetParent === null) continue;
        element.focus();
        element.scrollIntoView({ block: 'nearest' });
        return;
      }
    }
  }

  #isShown(field: FormField): boolean {
    const element = document.getElementById(elementId(field, 'field'));
    return element === null || !element.hidden;
  }

  #openText(problem: FormProblem | null): void {
    this.#edits.commit();
    this.#host.notify('form.openText', problem === null ? {} : { line: problem.line, column: problem.column });
  }
}

/** Where one goes on after a change: the first of these parts of the field that takes the focus. */
function partsAfter(action: FormEdit['action']): readonly string[] {
  switch (action) {
    case 'up':
    case 'down':
      return [action, 'control', 'head'];
    case 'rename':
      return ['name', 'control', 'head'];
    default:
      return ['control', 'add-name', 'head'];
  }
}

/** The fields that lead to one, and itself if it is there; from the outside to the inside. */
function wayTo(root: FormField, id: string): readonly FormField[] {
  const field = root.fields.find((each) => id === each.id || isWithin(id, each.id));
  if (field === undefined) return [];
  return field.id === id ? [field] : [field, ...wayTo(field, id)];
}

function isWithin(id: string, parent: string): boolean {
  return id.startsWith(parent) && ['.', '['].includes(id.charAt(parent.length));
}
