import type { FormField } from '../../../schemas/form.ts';
import { h } from '../dom.ts';
import { button, textInput } from '../toolkit.ts';
import type { Button, TextInput } from '../toolkit.ts';
import { elementId, type Around } from './around.ts';

/** Adds an entry to a list, or to a map under a name. */
export class AddRow {
  readonly element: HTMLElement;
  readonly #button: Button;
  readonly #name: TextInput;
  #field: FormField;
  #around: Around | null = null;
  #typed = '';

  constructor(field: FormField) {
    this.#field = field;
    this.#button = button('Add', () => this.#add());
    this.#button.element.id = elementId(field, 'add');
    this.#name = textInput(elementId(field, 'add-name'), `Name of a new entry in ${field.label}`, {
      onInput: (text) => (this.#typed = text),
    });
    this.#name.element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#add();
    });
    this.element = h('div', { class: 'add-row' }, this.#name.element, this.#button.element);
  }

  update(field: FormField, around: Around): void {
    this.#field = field;
    this.#around = around;
    const { kind, label, hasRoom, suggestions } = field;
    this.element.hidden = kind !== 'list' && kind !== 'map';
    this.#name.element.hidden = kind !== 'map';
    const facts = { isDisabled: around.isLocked || !hasRoom, isInvalid: false, description: '' };
    const more = { placeholder: 'Name', suggestions: kind === 'map' ? suggestions : [] };
    this.#name.update({ ...facts, ...more, value: this.#typed });
    const hint = hasRoom ? `adds an entry to ${label}` : `there is no room for more in ${label}`;
    this.#button.update({ enabled: !around.isLocked && hasRoom, hint, primary: false });
  }

  #add(): void {
    const { kind, path } = this.#field;
    const text = kind === 'map' ? this.#typed : '';
    if (kind === 'map' && text.trim() !== '') this.#typed = '';
    this.#around?.make(this.#field, { action: 'add', path, text });
  }
}
