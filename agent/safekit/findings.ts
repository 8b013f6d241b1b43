import { printable } from './printable.ts';
import type { Attribute, Element } from './xml/tree.ts';

/** What became of an element, an attribute or a file. */
export type Outcome =
  /** It is in the module as it was. */
  | 'taken'
  /** It is in the module in another form, or Understudy does it without being told. */
  | 'translated'
  /** Understudy has nothing of the kind, or this needs a person; the words say what to do instead. */
  | 'unsupported'
  /** Its meaning is not known: nothing was done with it. */
  | 'unknown';

export interface Finding {
  /** "service/heart@timeout"; of a file its path. */
  readonly path: string;
  /** Of userconfig.xml, counted from 1; null for files. */
  readonly line: number | null;
  /** As it is written; null for elements and files. */
  readonly value: string | null;
  readonly outcome: Outcome;
  /** How, or what to do instead. */
  readonly says: string;
}

interface Note {
  readonly outcome: Outcome;
  readonly says: string;
}

/** Collects what became of each part of the configuration. What nobody has told anything of comes out as unknown: nothing is left out. */
export class Findings {
  readonly #notes = new Map<Attribute | Element, Note>();
  readonly #texts = new Map<Element, readonly Finding[]>();

  /** The last word of several counts. */
  note(of: Attribute | Element | undefined, outcome: Outcome, says: string): void {
    if (of !== undefined) this.#notes.set(of, { outcome, says });
  }

  has(of: Attribute | Element): boolean {
    return this.#notes.has(of);
  }

  /** What became of the text within an element, part by part. */
  noteText(of: Element, parts: readonly Finding[]): void {
    this.#texts.set(of, parts);
  }

  /** How many parts of texts were told of. */
  get textParts(): number {
    return [...this.#texts.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Every element, attribute and text of the tree, in the order of the file. */
  list(root: Element): readonly Finding[] {
    const found: Finding[] = [];
    const visit = (element: Element): void => {
      const { path, line } = element;
      const fallback: Note = { outcome: 'unknown', says: `<${element.name}> is not known here. It was left out.` };
      found.push({ path, line, value: null, ...(this.#notes.get(element) ?? fallback) });
      for (const attribute of element.attributes) {
        const says = `The attribute "${attribute.name}" is not known here. It was left out.`;
        const note = this.#notes.get(attribute) ?? { outcome: 'unknown', says };
        found.push({
          path: attribute.path,
          line: attribute.line,
          value: attribute.written,
          outcome: note.outcome,
          says: `${note.says}${macroWords(attribute)}`,
        });
      }
      const text = element.text.trim();
      if (text !== '') {
        const says = 'No text is expected here. It was left out.';
        const parts: readonly Finding[] = this.#texts.get(element) ?? [
          { path: `${path}/text()`, line, value: text, outcome: 'unknown', says },
        ];
        for (const part of parts) found.push(part);
      }
      element.children.forEach(visit);
    };
    visit(root);
    return found;
  }
}

function macroWords({ undefinedMacros: names, value, written }: Attribute): string {
  if (names.length > 0) {
    const which = names.map((name) => `%${name}%`).join(', ');
    return ` ${which} is no macro of this file; SafeKit would take an environment variable of that name.`;
  }
  return value !== written.trim() ? ` With its macros it is "${printable(value)}".` : '';
}
