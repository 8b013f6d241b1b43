import type { FormField } from '../../../schemas/form.ts';
import { h, setAttribute, setText } from '../dom.ts';
import { FieldActions } from './actions.ts';
import { elementId, keyElement, Remarks, standingOf, type Around } from './around.ts';
import { Control } from './control.ts';
import { NameInput } from './nameInput.ts';
import type { Rank, View } from './view.ts';

/** A single value: label, control, problems, help. */
export class FieldView implements View {
  readonly element: HTMLElement;
  readonly #control: Control;
  readonly #remarks: Remarks;
  readonly #actions: FieldActions;
  readonly #name: NameInput | null;
  readonly #standing = h('span', { class: 'standing' });

  constructor(field: FormField) {
    this.#control = new Control(field);
    this.#remarks = new Remarks(field);
    this.#actions = new FieldActions(field);
    this.#name = field.entryOf === 'map' ? new NameInput(field) : null;
    const label = h('label', { for: elementId(field, 'control') }, field.label);
    this.element = h(
      'div',
      { class: 'field', id: elementId(field, 'field') },
      h('div', { class: 'field-head' }, label, keyElement(field), this.#standing, this.#actions.element),
      this.#name?.element ?? null,
      this.#control.element,
      this.#remarks.problems,
      this.#remarks.help,
    );
  }

  update(field: FormField, around: Around, rank: Rank): void {
    this.element.hidden = !around.isShown(field);
    setAttribute(this.element, 'data-set', field.isSet);
    setAttribute(this.element, 'data-kind', field.kind);
    setText(this.#standing, standingOf(field));
    const description = this.#remarks.update(field, around);
    this.#control.update(field, around, description);
    this.#actions.update(field, around, rank);
    this.#name?.update(field, around);
  }
}
