import type { FormField } from '../../../schemas/form.ts';
import { h, setAttribute, setText } from '../dom.ts';
import { dropdown } from '../toolkit.ts';
import type { Dropdown } from '../toolkit.ts';
import { FieldActions } from './actions.ts';
import { AddRow } from './addRow.ts';
import { Disclosure, elementId, Remarks, type Around } from './around.ts';
import { Control } from './control.ts';
import { NameInput } from './nameInput.ts';
import type { MakeView, Rank, View } from './view.ts';
import { ViewList } from './viewList.ts';

const deepestHeading = 6;

/** A section, a list or a map, which opens and closes; or a value of several kinds to choose from. */
export class GroupView implements View {
  readonly element: HTMLElement;
  readonly #body: HTMLElement;
  readonly #disclosure: Disclosure;
  readonly #actions: FieldActions;
  readonly #remarks: Remarks;
  readonly #kind: KindRow | null;
  readonly #control: Control;
  readonly #views: ViewList;
  readonly #hidden = h('p', { class: 'help' });
  readonly #add: AddRow;
  readonly #name: NameInput | null;
  #field: FormField;
  #around: Around | null = null;

  constructor(field: FormField, level: number, make: MakeView) {
    this.#field = field;
    const bodyId = elementId(field, 'body');
    this.#disclosure = new Disclosure(field, bodyId, () => this.#around?.toggle(this.#field));
    this.#actions = new FieldActions(field);
    this.#remarks = new Remarks(field);
    this.#kind = field.variants === null ? null : new KindRow(field);
    this.#control = new Control(field);
    this.#views = new ViewList(level + 1, make);
    this.#add = new AddRow(field);
    this.#name = field.entryOf === 'map' ? new NameInput(field) : null;
    this.#body = h(
      'div',
      { class: 'group-body', id: bodyId },
      this.#remarks.problems,
      this.#remarks.help,
      this.#name?.element ?? null,
      this.#kind?.element ?? null,
      this.#control.element,
      this.#views.element,
      this.#hidden,
      this.#add.element,
    );
    const heading = h(`h${Math.min(level, deepestHeading)}`, {}, this.#disclosure.element);
    this.element = h(
      'section',
      { class: 'group', id: elementId(field, 'field'), 'aria-labelledby': elementId(field, 'head') },
      h('div', { class: 'group-head' }, heading, this.#actions.element),
      this.#body,
    );
  }

  update(field: FormField, around: Around, rank: Rank): void {
    this.#field = field;
    this.#around = around;
    this.element.hidden = !around.isShown(field);
    setAttribute(this.element, 'data-set', field.isSet);
    setAttribute(this.element, 'data-kind', field.kind);
    const isOpen = around.isOpen(field);
    this.#body.hidden = !isOpen;
    this.#disclosure.update(field, around);
    this.#actions.update(field, around, rank);
    // What is closed is made when it is opened: a long file would be slow otherwise.
    if (!isOpen || this.element.hidden) return;
    const description = this.#remarks.update(field, around);
    this.#name?.update(field, around);
    this.#kind?.update(field, around);
    const hasFields = field.kind === 'section' || field.kind === 'list' || field.kind === 'map';
    this.#control.element.hidden = hasFields || field.kind === 'constant';
    if (!hasFields) this.#control.update(field, around, description);
    this.#views.update(field.fields, around);
    this.#hidden.hidden = field.hidden === 0;
    setText(this.#hidden, `${field.hidden} more are not shown: change them in the text.`);
    this.#add.update(field, around);
  }
}

/** Of which kind a value is. */
class KindRow {
  readonly element: HTMLElement;
  readonly #choice: Dropdown;
  #field: FormField;
  #around: Around | null = null;

  constructor(field: FormField) {
    this.#field = field;
    const id = elementId(field, 'kind');
    this.#choice = dropdown(id, `Kind of ${field.label}`, (text) => {
      const { path } = this.#field;
      if (text !== '') this.#around?.make(this.#field, { action: 'vary', path, text });
    });
    this.element = h('div', { class: 'field' }, h('label', { for: id }, 'Kind'), this.#choice.element);
  }

  update(field: FormField, around: Around): void {
    this.#field = field;
    this.#around = around;
    const { chosen = null, names = [] } = field.variants ?? {};
    const options = names.map((name) => ({ value: name, text: name }));
    this.#choice.update({
      options: chosen === null ? [{ value: '', text: '(choose one)' }, ...options] : options,
      value: chosen ?? '',
      isDisabled: around.isLocked,
      isInvalid: false,
      description: '',
    });
  }
}
