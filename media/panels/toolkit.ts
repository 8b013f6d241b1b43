/**
 * The component library, and the only file that knows which one it is. `@vscode/webview-ui-toolkit` is archived upstream; to
 * change to another one, register its components here and keep these functions.
 */
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeTextField } from '@vscode/webview-ui-toolkit';
import { h, setAttribute } from './dom.ts';

/** Registers the components that the panels use. */
export function registerComponents(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeTextField());
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
  const element = h('vscode-text-field', { placeholder: label, 'aria-label': label, size: '24' });
  element.addEventListener('input', () => onInput((element as HTMLElement & { value: string }).value));
  return element;
}
