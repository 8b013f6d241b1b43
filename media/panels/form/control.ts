import type { FormField } from '../../../schemas/form.ts';
import { h, setText } from '../dom.ts';
import { checkbox, dropdown, textInput } from '../toolkit.ts';
import type { ControlFacts } from '../toolkit.ts';
import { elementId, type Around } from './around.ts';

/** What a value is typed into, chosen by, or shown with. It is made anew when the value becomes of another kind. */
export class Control {
  readonly element = h('div', { class: 'control-place' });
  #made: Made | null = null;
  #madeAs = '';
  #field: FormField;
  #around: Around | null = null;

  constructor(field: FormField) {
    this.#field = field;
  }

  /** @param description what is read out after the label */
  update(field: FormField, around: Around, description: string): void {
    this.#field = field;
    this.#around = around;
    const as = controlKind(field);
    if (this.#made === null || this.#madeAs !== as) {
      this.#made = this.#make(as);
      this.#madeAs = as;
      this.element.replaceChildren(this.#made.element);
    }
    const isInvalid = around.problemsOf(field).some(({ severity }) => severity === 'error');
    this.#made.update(field, { isDisabled: around.isLocked, isInvalid, description }, around.isTyping(field));
  }

  #make(as: ReturnType<typeof controlKind>): Made {
    const { label } = this.#field;
    const id = elementId(this.#field, 'control');
    switch (as) {
      case 'text':
        return madeText(id, label, {
          onInput: (text) => this.#around?.type(this.#field, text),
          onChange: () => this.#around?.commit(),
        });
      case 'boolean':
        return madeCheckbox(id, label, (isChecked) => this.#choose(String(isChecked)));
      case 'choice':
        return madeDropdown(id, label, (value) => this.#choose(value));
      case 'none':
        return madeRaw();
    }
  }

  #choose(text: string): void {
    this.#around?.make(this.#field, { action: 'choose', path: this.#field.path, text });
  }
}

interface Made {
  readonly element: HTMLElement;
  update(field: FormField, facts: ControlFacts, isTyping: boolean): void;
}

function controlKind({ kind }: FormField): 'text' | 'boolean' | 'choice' | 'none' {
  switch (kind) {
    case 'text':
    case 'duration':
    case 'size':
    case 'rate':
    case 'number':
      return 'text';
    case 'boolean':
    case 'choice':
      return kind;
    default:
      return 'none';
  }
}

function madeText(id: string, label: string, on: Parameters<typeof textInput>[2]): Made {
  const input = textInput(id, label, on);
  return {
    element: input.element,
    update: ({ text, fallback, suggestions }, facts, isTyping) =>
      input.update({ ...facts, value: isTyping ? null : text, placeholder: fallback ?? '', suggestions }),
  };
}

function madeCheckbox(id: string, label: string, onChange: (isChecked: boolean) => void): Made {
  const box = checkbox(id, label, onChange);
  return {
    element: box.element,
    update: ({ isSet, text, fallback }, facts) =>
      box.update({ ...facts, isChecked: (isSet ? text : fallback) === 'true' }),
  };
}

function madeDropdown(id: string, label: string, onChoose: (value: string) => void): Made {
  const box = dropdown(id, label, onChoose);
  return {
    element: box.element,
    update: ({ isSet, text, fallback, choices }, facts) => {
      const value = isSet ? text : (fallback ?? '');
      const known = choices.map((each) => ({
        value: each,
        text: each === fallback ? `${each} (default)` : each,
      }));
      // What stands there and cannot be chosen is shown all the same.
      const other = choices.includes(value) ? [] : [{ value, text: isSet ? value : '(not set)' }];
      box.update({ ...facts, options: [...other, ...known], value });
    },
  };
}

function madeRaw(): Made {
  const element = h('code', { class: 'raw' });
  return { element, update: ({ text }) => setText(element, text) };
}
