import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import type { XmlAttribute, XmlDocument, XmlElement } from './parse.ts';

/** An attribute as the importer looks at it. */
export interface Attribute {
  readonly name: string;
  /** With its macros replaced, without blanks around it. */
  readonly value: string;
  /** As it is written. */
  readonly written: string;
  /** Such as "service/rfs/replicated[2]@dir". */
  readonly path: string;
  readonly line: number;
  /** Macros that the file does not define: SafeKit takes environment variables of these names. */
  readonly undefinedMacros: readonly string[];
}

export interface Element {
  readonly name: string;
  /** Where it is, without numbers: what its rule is found by, such as "service/rfs/replicated". */
  readonly kind: string;
  /** Where it is, with numbers where there are several of a name. */
  readonly path: string;
  readonly line: number;
  readonly attributes: readonly Attribute[];
  readonly children: readonly Element[];
  readonly text: string;
}

/** The attribute of a name; undefined when it is not there. */
export function attributeOf(element: Element, name: string): Attribute | undefined {
  return element.attributes.find((attribute) => attribute.name === name);
}

/** Its value when it says anything. */
export function valueOf(element: Element, name: string): string | undefined {
  const value = attributeOf(element, name)?.value;
  return value === '' ? undefined : value;
}

export function childrenOf(element: Element, name: string): readonly Element[] {
  return element.children.filter((child) => child.name === name);
}

/**
 * The root `<safe>` of a configuration with its macros replaced: `<macro name= value=>` defines %NAME%. A macro knows those before it, and no
 * others, so that replacing them comes to an end.
 * @throws ImportError "NOT_A_MODULE", "TOO_LARGE"
 */
export function readTree({ root }: XmlDocument): Element {
  if (root.name !== 'safe') {
    throw new ImportError('NOT_A_MODULE', `The XML begins with <${root.name}>: a userconfig.xml begins with <safe>.`);
  }
  const macros = new Macros();
  for (const child of root.children) {
    if (child.name !== 'macro') continue;
    const read = (name: string): XmlAttribute | undefined => child.attributes.find((each) => each.name === name);
    const name = read('name')?.value.trim();
    const value = read('value');
    if (name && value) macros.define(name, value);
  }
  return build(root, 'safe', 'safe', macros);
}

function build(xml: XmlElement, kind: string, path: string, macros: Macros): Element {
  const counts = new Map<string, number>();
  for (const { name } of xml.children) counts.set(name, (counts.get(name) ?? 0) + 1);
  const seen = new Map<string, number>();
  const isRoot = kind === 'safe';
  return {
    name: xml.name,
    kind,
    path,
    line: xml.line,
    text: xml.text,
    attributes: xml.attributes.map((attribute) => {
      const { text, missing } = macros.replace(attribute);
      return {
        name: attribute.name,
        value: text.trim(),
        written: attribute.value,
        path: `${path}@${attribute.name}`,
        line: attribute.line,
        undefinedMacros: missing,
      };
    }),
    children: xml.children.map((child) => {
      const number = (seen.get(child.name) ?? 0) + 1;
      seen.set(child.name, number);
      const name = counts.get(child.name) === 1 ? child.name : `${child.name}[${String(number)}]`;
      return build(child, isRoot ? child.name : `${kind}/${child.name}`, isRoot ? name : `${path}/${name}`, macros);
    }),
  };
}

/** What stands for what. All values together are bounded, as a short name may stand for a long text in a hundred thousand places. */
class Macros {
  readonly #values = new Map<string, string>();
  #length = 0;

  /** The first definition of a name counts. */
  define(name: string, value: XmlAttribute): void {
    if (!this.#values.has(name)) this.#values.set(name, this.replace(value).text);
  }

  /** @throws ImportError "TOO_LARGE" */
  replace({ value, line }: XmlAttribute): { readonly text: string; readonly missing: readonly string[] } {
    const missing: string[] = [];
    const text = value.replace(/%([A-Za-z_][A-Za-z0-9_]*)%/g, (whole, name: string) => {
      const found = this.#values.get(name);
      if (found === undefined) missing.push(name);
      return found ?? whole;
    });
    this.#length += text.length;
    if (text.length > limits.value) {
      throw tooLong(`The value on line ${String(line)} is longer than ${String(limits.value)} characters.`);
    }
    if (this.#length > limits.values) {
      throw tooLong(`With their macros the values are longer than ${String(limits.values)} characters together.`);
    }
    return { text, missing };
  }
}

function tooLong(what: string): ImportError {
  return new ImportError('TOO_LARGE', `${what} This is no configuration of a module.`);
}
