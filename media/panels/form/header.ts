import type { FormProblem, FormState } from '../../../schemas/form.ts';
import { h, setText } from '../dom.ts';
import { button } from '../toolkit.ts';
import type { Button } from '../toolkit.ts';
import { severityWord, summaryOf } from './words.ts';
import type { PageState } from './pageState.ts';
import { Tools } from './tools.ts';

interface Asked {
  /** The page is to be shown by another search or setting. */
  readonly changed: () => void;
  readonly nextProblem: () => void;
  readonly openText: (problem: FormProblem | null) => void;
}

/** What stands above the fields: the file, the search, and what is wrong with the file as a whole. */
export class Header {
  readonly element: HTMLElement;
  readonly #title = h('h1', {}, '…');
  readonly #summary = h('p', { class: 'summary', role: 'status' });
  readonly #told = h('p', { class: 'told', role: 'status' });
  readonly #lock = h('div', { class: 'lock', role: 'alert' });
  readonly #problems = h('ul', { class: 'problems', 'aria-label': 'Problems of the file as a whole' });
  readonly #next: Button;
  readonly #tools: Tools;
  readonly #asked: Asked;
  #shown = '';

  constructor(settings: PageState, asked: Asked) {
    this.#asked = asked;
    this.#tools = new Tools(settings, asked.changed);
    this.tell('');
    this.#next = button('Next Problem', () => asked.nextProblem());
    const text = button('Open as Text', () => asked.openText(null));
    text.update({ enabled: true, hint: 'shows the file in the text editor', primary: false });
    this.element = h(
      'header',
      { class: 'top' },
      h('div', { class: 'headline' }, this.#title, text.element),
      this.#lock,
      this.#tools.element,
      h('div', { class: 'headline' }, this.#summary, this.#next.element),
      this.#told,
      this.#problems,
    );
  }

  /** Tells the person what became of a change; empty: nothing that has to be told. */
  tell(text: string): void {
    setText(this.#told, text);
    this.#told.hidden = text === '';
  }

  update({ file, locked, problems }: FormState, others: readonly FormProblem[]): void {
    setText(this.#title, file);
    this.#tools.update();
    setText(this.#summary, summaryOf(problems));
    this.#next.element.hidden = problems.length === others.length || locked !== null;
    this.#next.update({ enabled: true, hint: 'goes to the next field that has one', primary: false });
    const told = JSON.stringify([locked, others]);
    if (told === this.#shown) return;
    this.#shown = told;
    this.#lock.hidden = locked === null;
    this.#problems.hidden = others.length === 0;
    this.#problems.replaceChildren(...others.map(problemLine));
    if (locked === null) this.#lock.replaceChildren();
    else this.#lock.replaceChildren(h('p', {}, locked), ...this.#lockButtons(others));
  }

  #lockButtons([first]: readonly FormProblem[]): HTMLElement[] {
    if (first === undefined) return [];
    const mend = button('Mend in the Text', () => this.#asked.openText(first));
    mend.update({ enabled: true, hint: `shows line ${first.line} in the text editor`, primary: true });
    return [mend.element];
  }
}

function problemLine({ severity, message, line, column }: FormProblem): HTMLElement {
  const where = `, line ${line}, column ${column}: ${message}`;
  return h('li', { 'data-severity': severity }, h('strong', {}, severityWord(severity)), where);
}
