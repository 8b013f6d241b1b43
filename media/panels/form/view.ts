import type { FormField } from '../../../schemas/form.ts';
import type { Around } from './around.ts';

/** Where an entry is among its neighbours. */
export interface Rank {
  readonly index: number;
  readonly count: number;
}

/** What shows one field. */
export interface View {
  readonly element: HTMLElement;
  update(field: FormField, around: Around, rank: Rank): void;
}

/** @param level of its heading, when it has one */
export type MakeView = (field: FormField, level: number) => View;

/** Whether a field is shown with a heading of its own: it has fields in it, or kinds to choose from. */
export function isGroup({ kind, variants }: FormField): boolean {
  return kind === 'section' || kind === 'list' || kind === 'map' || variants !== null;
}
