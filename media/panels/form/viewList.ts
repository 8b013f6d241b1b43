import type { FormField } from '../../../schemas/form.ts';
import { h } from '../dom.ts';
import type { Around } from './around.ts';
import { isGroup, type MakeView, type View } from './view.ts';

/**
 * The views of fields, in their order. Those that stay are never taken out of the page and put back: whoever types in one would lose
 * focus and caret.
 */
export class ViewList {
  readonly element = h('div', { class: 'fields' });
  readonly #views = new Map<string, { readonly view: View; readonly isGroup: boolean }>();
  readonly #level: number;
  readonly #make: MakeView;

  /** @param level of the headings in it */
  constructor(level: number, make: MakeView) {
    this.#level = level;
    this.#make = make;
  }

  update(fields: readonly FormField[], around: Around): void {
    const wanted = new Map(fields.map((field) => [field.id, isGroup(field)] as const));
    for (const [id, { view, isGroup: wasGroup }] of this.#views) {
      if (wanted.get(id) === wasGroup) continue;
      view.element.remove();
      this.#views.delete(id);
    }
    let place = this.element.firstElementChild;
    for (const [index, field] of fields.entries()) {
      const { view } = this.#views.get(field.id) ?? this.#made(field);
      if (view.element === place) place = place.nextElementSibling;
      else this.element.insertBefore(view.element, place);
      view.update(field, around, { index, count: fields.length });
    }
  }

  #made(field: FormField): { readonly view: View; readonly isGroup: boolean } {
    const made = { view: this.#make(field, this.#level), isGroup: isGroup(field) };
    this.#views.set(field.id, made);
    return made;
  }
}
