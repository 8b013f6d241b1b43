import type { FormField } from '../../../schemas/form.ts';

export interface Filter {
  /** What is looked for in labels and keys; empty: everything is shown. */
  readonly search: string;
  /** Whether only what the file says, and what it has to say, is shown. */
  readonly onlySet: boolean;
}

/** The fields that are shown, by their ids. What is found brings all that it is in, and a section that is found all that is in it. */
export function shownFields(root: FormField, filter: Filter, hasProblem: (id: string) => boolean): ReadonlySet<string> {
  const words = filter.search.trim().toLowerCase().split(/\s+/);
  const shown = new Set<string>();
  const isNamed = ({ label, key }: FormField): boolean => {
    const names = `${label} ${key}`.toLowerCase();
    return words.every((word) => names.includes(word));
  };
  const isWanted = ({ isSet, isRequired, id }: FormField): boolean =>
    !filter.onlySet || isSet || isRequired || hasProblem(id);
  const look = (field: FormField, isWithinFound: boolean): boolean => {
    const isFound = isWithinFound || isNamed(field);
    let isShown = isFound && isWanted(field);
    for (const child of field.fields) if (look(child, isFound)) isShown = true;
    if (isShown) shown.add(field.id);
    return isShown;
  };
  for (const field of root.fields) look(field, false);
  return shown;
}
