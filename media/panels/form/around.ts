import type { FormEdit, FormField, FormProblem } from '../../../schemas/form.ts';
import { h, setAttribute, setText } from '../dom.ts';
import { severityWord } from './words.ts';

/** What a field's view is told of the form around it, and what it may ask for. */
export interface Around {
  readonly isLocked: boolean;
  /** Whether all of the help is shown, or the first sentence of it. */
  readonly isFullHelp: boolean;
  isShown(field: FormField): boolean;
  isOpen(field: FormField): boolean;
  problemsOf(field: FormField): readonly FormProblem[];
  /** How many errors and warnings it holds, its own and those of what is in it. */
  problemsWithin(field: FormField): number;
  /** Whether what stands in its control is newer than the file. */
  isTyping(field: FormField): boolean;
  toggle(field: FormField): void;
  type(field: FormField, text: string): void;
  /** What is being typed is complete. */
  commit(): void;
  make(field: FormField, edit: FormEdit): void;
}

/** Names elements of the page after a field: without blanks, since lists of names are divided by them. */
export function elementId(field: Pick<FormField, 'id'>, part: string): string {
  return `${part}:${encodeURIComponent(field.id)}`;
}

/** How the file stands to a field, in a word. */
export function standingOf({ isSet, isRequired, fallback, kind, entryOf }: FormField): string {
  if (kind === 'unknown') return 'unknown key';
  if (entryOf !== null) return '';
  if (isRequired) return isSet ? 'required' : 'required, missing';
  if (isSet) return 'set';
  return fallback === null ? 'not set' : 'default';
}

/** The key as it is written in the file, unless the label says the same. */
export function keyElement({ key, label, entryOf }: FormField): HTMLElement | null {
  return entryOf !== null || key.toLowerCase() === label.toLowerCase() ? null : h('code', { class: 'key' }, key);
}

/** Help and problems of a field. */
export class Remarks {
  readonly help = h('p', { class: 'help' });
  readonly problems: HTMLElement;
  #shown = '';

  constructor(field: FormField) {
    this.problems = h('ul', { class: 'problems', 'aria-label': `Problems of ${field.label}` });
  }

  /** Returns what is read out with the control. */
  update(field: FormField, around: Around): string {
    const { short, more } = field.help;
    const text = around.isFullHelp && more !== '' ? `${short} ${more}` : short;
    setText(this.help, text);
    this.help.hidden = text === '';
    const problems = around.problemsOf(field);
    const told = problems.map(({ severity, message }) => `${severityWord(severity)}: ${message}`);
    if (this.#shown !== told.join('\n')) {
      this.#shown = told.join('\n');
      this.problems.replaceChildren(...problems.map(problemElement));
    }
    this.problems.hidden = problems.length === 0;
    return [...told, text].filter((each) => each !== '').join(' ');
  }
}

function problemElement({ severity, message }: FormProblem): HTMLElement {
  return h('li', { 'data-severity': severity }, h('strong', {}, severityWord(severity)), `: ${message}`);
}

/** A button that opens and closes something, as a heading has it. */
export class Disclosure {
  readonly element: HTMLButtonElement;
  readonly #label = h('span', { class: 'group-label' });
  readonly #gist = h('span', { class: 'gist' });
  readonly #count = h('span', { class: 'count' });

  constructor(field: FormField, bodyId: string, onToggle: () => void) {
    this.element = h(
      'button',
      { type: 'button', class: 'disclosure', id: elementId(field, 'head'), 'aria-controls': bodyId },
      h('span', { class: 'twistie', 'aria-hidden': 'true' }),
      this.#label,
      keyElement(field),
      this.#gist,
      this.#count,
    );
    this.element.addEventListener('click', onToggle);
  }

  update(field: FormField, around: Around): void {
    setText(this.#label, field.label);
    const gist = field.kind === 'section' && field.variants?.chosen ? field.variants.chosen : field.text;
    setText(this.#gist, field.isSet ? gist : standingOf(field));
    const problems = around.problemsWithin(field);
    setText(this.#count, problems === 0 ? '' : `${problems} ${problems === 1 ? 'problem' : 'problems'}`);
    this.#count.hidden = problems === 0;
    setAttribute(this.element, 'aria-expanded', around.isOpen(field) ? 'true' : 'false');
  }
}
