/** What the form view of a module or cluster file shows, and what it may ask for: between the editor and its page. */
import type { Severity } from './diagnostic.ts';
import { isPathSegment } from './jsonText.ts';
import type { PathSegment } from './jsonText.ts';

/**
 * What stands for a value: `duration`, `size` and `rate` are texts with a unit; a `section` has the keys of the schema, a `list` entries, a
 * `map` entries by their names; a `constant` has nothing to choose. `mismatch` is a value that is of no type the schema allows there,
 * and `unknown` what stands under a key that the schema does not know: both are shown as they are written.
 */
export type FieldKind =
  | 'text'
  | 'duration'
  | 'size'
  | 'rate'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'constant'
  | 'section'
  | 'list'
  | 'map'
  | 'mismatch'
  | 'unknown';

/** One value of the file, or one that could stand there. Everything in it follows from the schema and the text. */
export interface FormField {
  /** Its path as text: unique in the form. */
  readonly id: string;
  readonly path: readonly PathSegment[];
  /** Of an entry of a list its number from 1, otherwise the key as it is written. */
  readonly key: string;
  /** The key in words. */
  readonly label: string;
  readonly kind: FieldKind;
  /** Whether the file says it. */
  readonly isSet: boolean;
  readonly isRequired: boolean;
  /** What the control shows: the value as it is typed; empty when it is not set. Of what has fields of its own a few words of what is in it. */
  readonly text: string;
  /** What is in force when it is not set, as it would be typed; null: nothing, or the schema does not say. */
  readonly fallback: string | null;
  readonly help: FormHelp;
  /** Of a `choice`. */
  readonly choices: readonly string[];
  /** What could be typed: names of the cluster, usual quantities, examples. */
  readonly suggestions: readonly string[];
  /** Of what can be of several kinds, such as a server or a check. */
  readonly variants: FormVariants | null;
  /** Whether it may be taken out: it has a default, is an entry, or is nothing that the schema knows. */
  readonly isRemovable: boolean;
  /** Whether it is an entry of a list, or of a map. */
  readonly entryOf: 'list' | 'map' | null;
  /** Of a list or map: whether another entry may be added. */
  readonly hasRoom: boolean;
  /** Entries that are not shown, as there are too many. */
  readonly hidden: number;
  readonly fields: readonly FormField[];
}

export interface FormHelp {
  /** The first sentence, then default, unit and range. */
  readonly short: string;
  /** Everything else: further sentences, examples, the version. Empty: there is no more. */
  readonly more: string;
}

export interface FormVariants {
  /** Null: none is there yet, or several are. */
  readonly chosen: string | null;
  readonly names: readonly string[];
}

/** `note`: nothing is wrong, and something could be better. */
export type FormSeverity = Severity | 'note';

/** Something that is wrong with the file. */
export interface FormProblem {
  readonly severity: FormSeverity;
  readonly message: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** The field it is about; null: none, it stands at the top. */
  readonly field: string | null;
}

/** Notification `form.state`: what the page shows now. */
export interface FormState {
  /** The file's name without its folders. */
  readonly file: string;
  /** Of the document that everything here is about: an edit names it. */
  readonly version: number;
  /** Null: nothing of the file could be read yet. */
  readonly root: FormField | null;
  readonly problems: readonly FormProblem[];
  /** Why nothing can be changed by the form; null: it can. */
  readonly locked: string | null;
}

/** One change that a person has made in the form. */
export type FormEdit =
  /** Something was typed. Empty: a key that need not be there is taken out. */
  | { readonly action: 'type'; readonly path: readonly PathSegment[]; readonly text: string }
  /** One of the choices of a `choice`, or "true" or "false". */
  | { readonly action: 'choose'; readonly path: readonly PathSegment[]; readonly text: string }
  /** It becomes of another kind: one of the names of its variants. */
  | { readonly action: 'vary'; readonly path: readonly PathSegment[]; readonly text: string }
  /** An entry is added to a list; to a map under this name. */
  | { readonly action: 'add'; readonly path: readonly PathSegment[]; readonly text: string }
  /** An entry of a map gets this name. */
  | { readonly action: 'rename'; readonly path: readonly PathSegment[]; readonly text: string }
  | { readonly action: 'remove'; readonly path: readonly PathSegment[]; readonly text: '' }
  /** An entry of a list changes places with the one before or behind it. */
  | { readonly action: 'up' | 'down'; readonly path: readonly PathSegment[]; readonly text: '' };

/** Request `form.edit`: made by what was shown of this version. */
export interface FormEditParams {
  readonly version: number;
  readonly edit: FormEdit;
}

/** Its result. */
export interface FormEdited {
  /** Where the focus goes; null: it stays. */
  readonly focus: string | null;
}

/** Why an edit is refused. STALE: the document is another one by now. */
export type FormRefusalCode = 'STALE' | 'LOCKED' | 'BAD_EDIT' | 'FAILED';

/** Code units; more nobody types into a field. */
export const longestTyped = 10_000;
const actions: readonly string[] = ['type', 'choose', 'vary', 'add', 'rename', 'remove', 'up', 'down'];
const withoutText: readonly string[] = ['remove', 'up', 'down'];
const deepestPath = 100;

/** What a page has sent, when it is such a request; null otherwise. */
export function readFormEdit(params: unknown): FormEditParams | null {
  if (typeof params !== 'object' || params === null || !('version' in params) || !('edit' in params)) return null;
  const { version, edit } = params;
  if (!Number.isSafeInteger(version) || typeof edit !== 'object' || edit === null) return null;
  if (!('action' in edit) || !('path' in edit) || !('text' in edit)) return null;
  const { action, path, text } = edit;
  if (typeof action !== 'string' || !actions.includes(action)) return null;
  if (!Array.isArray(path) || path.length > deepestPath || !path.every(isPathSegment)) return null;
  if (typeof text !== 'string' || text.length > longestTyped) return null;
  if (withoutText.includes(action) && text !== '') return null;
  return { version: Number(version), edit: { action, path, text } as FormEdit };
}
