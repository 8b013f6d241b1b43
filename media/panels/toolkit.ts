/**
 * The component library, and the only file that knows which one it is. `@vscode/webview-ui-toolkit` is archived upstream; to
 * change to another one, register its components here and keep these functions.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { h, setAttribute, setText } from './dom.ts';

/** Registers the components that the panels use. */
export function registerComponents(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeTextField());
}

/** Registers what a form needs besides. */
export function registerFormComponents(): void {
  provideVSCodeDesignSystem().register(vsCodeCheckbox(), vsCodeDropdown(), vsCodeOption());
}

export interface Button {
  readonly element: HTMLElement;
  update(facts: { readonly enabled: boolean; readonly hint: string; readonly primary: boolean }): void;
}

/** A button with a word on it. */
export function button(label: string, onPress: () => void): Button {
  const element = h('vscode-button', { appearance: 'secondary' }, label);
  element.addEventListener('click', () => {
    if (!element.hasAttribute('disabled')) onPress();
  });
  return {
    element,
    update: ({ enabled, hint, primary }) => {
      setAttribute(element, 'disabled', !enabled);
      setAttribute(element, 'title', hint);
      setAttribute(element, 'aria-label', `${label}: ${hint}`);
      setAttribute(element, 'appearance', primary ? 'primary' : 'secondary');
    },
  };
}

/** A field to type into; `onInput` gets what stands in it after each change. */
export function textField(label: string, onInput: (value: string) => void): HTMLElement {
  const element = textElement(label, { placeholder: label, size: '24' });
  element.addEventListener('input', () => onInput(element.value));
  return element;
}

/** What a control of a form shows besides its value. */
export interface ControlFacts {
  readonly isDisabled: boolean;
  readonly isInvalid: boolean;
  /** Read out after the label: what is wrong, and help. */
  readonly description: string;
}

export interface TextInput {
  readonly element: HTMLElement;
  readonly value: string;
  /** @param value null: what stands there stays, such as what is being typed */
  update(
    facts: ControlFacts & {
      readonly value: string | null;
      readonly placeholder: string;
      readonly suggestions: readonly string[];
    },
  ): void;
}

type TextElement = HTMLElement & { value: string; readonly control?: HTMLInputElement };

/**
 * The component takes its accessible name from its content each time it is put into the page, whatever name it had: so the label is
 * its content, which only screen readers are shown.
 */
function textElement(label: string, attributes: Readonly<Record<string, string>>): TextElement {
  return h('vscode-text-field', { ...attributes, class: 'unlabelled' }, label) as TextElement;
}

/**
 * A field to type into, whose label stands elsewhere.
 * @param onInput after each change @param onChange when the person has done: by Enter, or by leaving the field
 */
export function textInput(
  id: string,
  label: string,
  { onInput, onChange }: { readonly onInput?: (value: string) => void; readonly onChange?: (value: string) => void },
): TextInput {
  const element = textElement(label, { id, spellcheck: 'false' });
  // The control is in a tree of its own, where names of elements of the page mean nothing.
  const description = h('span', { id: `${id}-description`, hidden: true });
  const list = h('datalist', { id: `${id}-list` });
  element.shadowRoot?.append(description, list);
  element.addEventListener('input', () => onInput?.(element.value));
  element.addEventListener('change', () => onChange?.(element.value));
  return {
    element,
    get value() {
      return element.value;
    },
    update: ({ value, placeholder, suggestions, ...facts }) => {
      if (value !== null) replaceText(element, value);
      setAttribute(element, 'placeholder', placeholder);
      if (list.childElementCount !== suggestions.length || list.dataset['of'] !== suggestions.join('\n')) {
        list.dataset['of'] = suggestions.join('\n');
        list.replaceChildren(...suggestions.map((each) => h('option', { value: each })));
      }
      setAttribute(element, 'list', suggestions.length > 0 && list.id);
      setText(description, facts.description);
      showFacts(element, facts, description.id);
    },
  };
}

/** The caret stays where it is, as far as the new text goes. */
function replaceText(element: TextElement, value: string): void {
  if (element.value === value) return;
  const { control } = element;
  const isFocused = document.activeElement === element && control !== undefined;
  const [start, end] = isFocused ? [control.selectionStart, control.selectionEnd] : [null, null];
  element.value = value;
  if (!isFocused) return;
  control.value = value;
  control.setSelectionRange(start, end);
}

export interface Dropdown {
  readonly element: HTMLElement;
  update(
    facts: ControlFacts & {
      readonly options: readonly { readonly value: string; readonly text: string }[];
      readonly value: string;
    },
  ): void;
}

/** One of several; `onChoose` gets its value when it is another one than what is shown. */
export function dropdown(id: string, label: string, onChoose: (value: string) => void): Dropdown {
  const element = h('vscode-dropdown', { id, 'aria-label': label }) as HTMLElement & { value: string };
  const description = h('span', { id: `${id}-description`, hidden: true });
  let shown = '';
  let known = '';
  // The component tells of a change at any key press, too.
  element.addEventListener('change', () => {
    if (element.value === shown) return;
    shown = element.value;
    onChoose(shown);
  });
  const whole = h('div', { class: 'control' }, element, description);
  return {
    element: whole,
    update: ({ options, value, ...facts }) => {
      shown = value;
      const texts = JSON.stringify(options);
      if (known !== texts) {
        known = texts;
        element.replaceChildren(
          ...options.map((each) =>
            h('vscode-option', { value: each.value, selected: each.value === value }, each.text),
          ),
        );
      }
      if (element.value !== value) element.value = value;
      setText(description, facts.description);
      showFacts(element, facts, description.id);
    },
  };
}

export interface Checkbox {
  readonly element: HTMLElement;
  update(facts: ControlFacts & { readonly isChecked: boolean }): void;
}

/** Yes or no, with a label that stands elsewhere unless it is to be shown. */
export function checkbox(
  id: string,
  label: string,
  onChange: (isChecked: boolean) => void,
  { isLabelled = false }: { readonly isLabelled?: boolean } = {},
): Checkbox {
  const attributes = isLabelled ? { id } : { id, class: 'unlabelled' };
  const element = h('vscode-checkbox', attributes, label) as HTMLElement & { checked: boolean };
  const description = h('span', { id: `${id}-description`, hidden: true });
  let shown = false;
  // The component tells of what the page has set itself, too.
  element.addEventListener('change', () => {
    if (element.checked === shown) return;
    shown = element.checked;
    onChange(shown);
  });
  return {
    element: h('div', { class: 'control' }, element, description),
    update: ({ isChecked, ...facts }) => {
      shown = isChecked;
      if (element.checked !== isChecked) element.checked = isChecked;
      setText(description, facts.description);
      showFacts(element, facts, description.id);
    },
  };
}

function showFacts(element: HTMLElement, { isDisabled, isInvalid, description }: ControlFacts, id: string): void {
  setAttribute(element, 'disabled', isDisabled);
  setAttribute(element, 'aria-invalid', isInvalid ? 'true' : 'false');
  setAttribute(element, 'aria-describedby', description !== '' && id);
}
