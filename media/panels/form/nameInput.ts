import type { FormField } from '../../../schemas/form.ts';
import { h } from '../dom.ts';
import { textInput } from '../toolkit.ts';
import type { TextInput } from '../toolkit.ts';
import { elementId, type Around } from './around.ts';

/** The name of an entry of a map: another one is taken when it is complete, since other files may say it, too. */
export class NameInput {
  readonly element: HTMLElement;
  readonly #input: TextInput;
  #field: FormField;
  #around: Around | null = null;
  #isTyping = false;

  constructor(field: FormField) {
    this.#field = field;
    const id = elementId(field, 'name');
    this.#input = textInput(id, `Name of ${field.label}`, {
      onInput: () => (this.#isTyping = true),
      onChange: (text) => this.#rename(text),
    });
    this.element = h('div', { class: 'name-row' }, h('label', { for: id }, 'Name'), this.#input.element);
  }

  update(field: FormField, around: Around): void {
    this.#field = field;
    this.#around = around;
    const value = this.#isTyping ? null : field.key;
    const facts = { isDisabled: around.isLocked, isInvalid: false, description: '' };
    this.#input.update({ ...facts, value, placeholder: '', suggestions: [] });
  }

  #rename(text: string): void {
    this.#isTyping = false;
    const { key, path } = this.#field;
    if (text.trim() !== key) this.#around?.make(this.#field, { action: 'rename', path, text });
  }
}
