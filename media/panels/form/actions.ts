import type { FormField } from '../../../schemas/form.ts';
import { h } from '../dom.ts';
import { button } from '../toolkit.ts';
import type { Button } from '../toolkit.ts';
import { elementId, type Around } from './around.ts';
import type { Rank } from './view.ts';

/** What can be done with a field as a whole: taken out, and moved among the entries of a list. */
export class FieldActions {
  readonly element: HTMLElement;
  readonly #remove: Button;
  readonly #up: Button;
  readonly #down: Button;
  #field: FormField;
  #around: Around | null = null;

  constructor(field: FormField) {
    this.#field = field;
    this.#up = button('Up', () => this.#make('up'));
    this.#down = button('Down', () => this.#make('down'));
    this.#remove = button('Remove', () => this.#make('remove'));
    for (const [part, { element }] of Object.entries({ up: this.#up, down: this.#down, remove: this.#remove })) {
      element.id = elementId(field, part);
    }
    this.element = h('div', { class: 'actions' }, this.#up.element, this.#down.element, this.#remove.element);
  }

  update(field: FormField, around: Around, { index, count }: Rank): void {
    this.#field = field;
    this.#around = around;
    const { label, entryOf, isRemovable, fallback } = field;
    const isMovable = entryOf === 'list' && count > 1;
    const primary = false;
    this.#up.element.hidden = this.#down.element.hidden = !isMovable;
    this.#up.update({ enabled: !around.isLocked && index > 0, hint: `moves ${label} before the entry above`, primary });
    this.#down.update({
      enabled: !around.isLocked && index < count - 1,
      hint: `moves ${label} behind the entry below`,
      primary,
    });
    const then = fallback === null ? '' : `: the default, ${fallback}, is in force then`;
    this.#remove.element.hidden = !isRemovable;
    this.#remove.update({ enabled: !around.isLocked, hint: `takes ${label} out of the file${then}`, primary });
    this.element.hidden = !isMovable && !isRemovable;
  }

  #make(action: 'up' | 'down' | 'remove'): void {
    this.#around?.make(this.#field, { action, path: this.#field.path, text: '' });
  }
}
