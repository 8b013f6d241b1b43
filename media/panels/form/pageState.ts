import type { FormField } from '../../../schemas/form.ts';
import type { HostRpc } from '../hostRpc.ts';
import type { Filter } from './filter.ts';

interface Kept {
  readonly search: string;
  readonly onlySet: boolean;
  readonly fullHelp: boolean;
  /** What a person has opened or closed, by the ids of fields. */
  readonly open: Readonly<Record<string, boolean>>;
  readonly scroll: number;
}

const nothing: Kept = { search: '', onlySet: false, fullHelp: false, open: {}, scroll: 0 };

/** How a person has set the form up: kept while it is hidden, and over a restart of the editor. */
export class PageState {
  readonly #host: HostRpc;
  #kept: Kept;
  /** What was closed among what a search has found: it counts until the next one. */
  readonly #closedInSearch = new Set<string>();

  constructor(host: HostRpc) {
    this.#host = host;
    const kept = host.kept();
    this.#kept = { ...nothing, ...(typeof kept === 'object' && kept !== null ? (kept as Partial<Kept>) : {}) };
  }

  get filter(): Filter {
    return this.#kept;
  }

  get isFullHelp(): boolean {
    return this.#kept.fullHelp;
  }

  get scroll(): number {
    return this.#kept.scroll;
  }

  change(change: Partial<Omit<Kept, 'open'>>): void {
    if (change.search !== undefined) this.#closedInSearch.clear();
    this.#keep(change);
  }

  /** What is set, or has to be, is open until somebody closes it; so is all that is found. */
  isOpen(field: FormField): boolean {
    if (this.#isSearching) return !this.#closedInSearch.has(field.id);
    return this.#kept.open[field.id] ?? (field.isSet || field.isRequired);
  }

  toggle(field: FormField): void {
    if (!this.#isSearching) this.#keep({ open: { ...this.#kept.open, [field.id]: !this.isOpen(field) } });
    else if (!this.#closedInSearch.delete(field.id)) this.#closedInSearch.add(field.id);
  }

  open(ids: readonly string[]): void {
    for (const id of ids) this.#closedInSearch.delete(id);
    this.#keep({ open: { ...this.#kept.open, ...Object.fromEntries(ids.map((id) => [id, true])) } });
  }

  get #isSearching(): boolean {
    return this.#kept.search.trim() !== '';
  }

  #keep(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    this.#host.keep(this.#kept);
  }
}
