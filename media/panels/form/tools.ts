import { h } from '../dom.ts';
import { checkbox, textInput } from '../toolkit.ts';
import type { Checkbox, TextInput } from '../toolkit.ts';
import type { PageState } from './pageState.ts';

const facts = { isDisabled: false, isInvalid: false, description: '' };

/** Search and settings of the form. */
export class Tools {
  readonly element: HTMLElement;
  readonly #settings: PageState;
  readonly #search: TextInput;
  readonly #onlySet: Checkbox;
  readonly #fullHelp: Checkbox;

  /** @param onChange the form is to be shown by them anew */
  constructor(settings: PageState, onChange: () => void) {
    this.#settings = settings;
    const change = (changed: Parameters<PageState['change']>[0]): void => {
      settings.change(changed);
      onChange();
    };
    this.#search = textInput('search', 'Search for a field', { onInput: (search) => change({ search }) });
    const labelled = { isLabelled: true };
    this.#onlySet = checkbox('only-set', 'Only what is set', (onlySet) => change({ onlySet }), labelled);
    this.#fullHelp = checkbox('full-help', 'Full help', (fullHelp) => change({ fullHelp }), labelled);
    this.element = h(
      'div',
      { class: 'tools', role: 'search' },
      this.#search.element,
      this.#onlySet.element,
      this.#fullHelp.element,
    );
  }

  update(): void {
    const { filter, isFullHelp } = this.#settings;
    this.#search.update({ ...facts, value: filter.search, placeholder: 'Search for a field', suggestions: [] });
    this.#onlySet.update({ ...facts, isChecked: filter.onlySet });
    this.#fullHelp.update({ ...facts, isChecked: isFullHelp });
  }
}
