import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import { printable } from '../printable.ts';

export interface XmlAttribute {
  readonly name: string;
  /** Character references are replaced, macros of SafeKit are not. */
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface XmlElement {
  readonly name: string;
  /** In their order; no name stands twice. */
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlElement[];
  /** Its own text and CDATA, without that of its children. */
  readonly text: string;
  readonly line: number;
}

export interface XmlDocument {
  readonly root: XmlElement;
  /** Lines of comments that hold what looks like an element. */
  readonly commentedOut: readonly number[];
}

interface Open {
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: XmlElement[];
  text: string;
  readonly line: number;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const namePattern = /[\p{L}_:][\p{L}\p{N}\p{M}_:.\-\u00B7]*/uy;
// What XML 1.0 does not allow anywhere.
const illegal =
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * Reads XML 1.0 as configuration files have it: elements, attributes, text, CDATA, comments, the five entities and character references.
 * `<!DOCTYPE safe>`, which files of SafeKit begin with, is taken; one that declares anything or names another file is refused, and so there
 * is no entity that could grow, or be read from elsewhere.
 * @throws ImportError "BAD_XML", "XML_DTD", "TOO_LARGE"
 */
export function parseXml(text: string): XmlDocument {
  return new Parser(text).document();
}

class Parser {
  readonly #text: string;
  #at = 0;
  /** Lines are counted as the parser goes on. */
  #line = 1;
  #counted = 0;
  #elements = 0;
  readonly #commentedOut: number[] = [];

  constructor(text: string) {
    const found = illegal.exec(text);
    this.#text = text;
    if (found !== null) {
      this.#at = found.index;
      throw this.#wrong('a character that XML does not allow');
    }
  }

  document(): XmlDocument {
    const declaration = /^<\?xml\s[^<>]*\?>/.exec(this.#text)?.[0];
    if (declaration !== undefined) {
      if (!/\sversion\s*=\s*["']1\.[01]["']/.test(declaration)) throw this.#wrong('a version of XML that is not read');
      this.#at = declaration.length;
    }
    this.#between(true);
    if (this.#peek() !== '<') {
      throw this.#wrong(this.#isAtEnd() ? 'no element at all' : 'text before the first element');
    }
    const root = this.#element();
    this.#between(false);
    if (!this.#isAtEnd()) throw this.#wrong('something after the end of the first element');
    return { root, commentedOut: this.#commentedOut };
  }

  /** Blanks, comments and instructions, and before the first element the document type. */
  #between(isBefore: boolean): void {
    let hasType = !isBefore;
    for (;;) {
      this.#blanks();
      if (this.#sees('<!--')) this.#comment();
      else if (this.#sees('<?')) this.#instruction();
      else if (this.#sees('<!')) {
        if (hasType || !this.#sees('<!DOCTYPE')) throw this.#wrong('a declaration that has no place here');
        this.#documentType();
        hasType = true;
      } else return;
    }
  }

  #documentType(): void {
    const match = /<!DOCTYPE\s+[\p{L}_:][\p{L}\p{N}_:.-]*\s*>/uy;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text)?.[0];
    if (found === undefined) {
      throw new ImportError(
        'XML_DTD',
        `Line ${String(this.#lineNow())} has a document type that declares something or names another file. Only <!DOCTYPE safe> is taken: remove the rest.`,
      );
    }
    this.#at += found.length;
  }

  #element(): XmlElement {
    const open: Open[] = [];
    for (;;) {
      const top = open.at(-1);
      if (top !== undefined) this.#content(top);
      if (top !== undefined && this.#sees('</')) {
        const ended = this.#endTag(top);
        open.pop();
        const around = open.at(-1);
        if (around === undefined) return ended;
        around.children.push(ended);
        continue;
      }
      const { element, isEmpty } = this.#startTag();
      if (!isEmpty) {
        open.push(element);
        if (open.length > limits.xmlDepth) throw tooMuch(`elements more than ${String(limits.xmlDepth)} deep`);
      } else if (top === undefined) return element;
      else top.children.push(element);
    }
  }

  /** Text and what may stand in it, up to the next tag. */
  #content(into: Open): void {
    for (;;) {
      const next = this.#text.indexOf('<', this.#at);
      if (next < 0) {
        this.#at = this.#text.length;
        throw this.#wrong(`the end of the file, and <${into.name}> of line ${String(into.line)} is still open`);
      }
      const text = this.#text.slice(this.#at, next);
      if (text.includes(']]>')) throw this.#wrong('"]]>" in a text');
      into.text += this.#references(text);
      this.#at = next;
      if (this.#sees('<!--')) this.#comment();
      else if (this.#sees('<![CDATA[')) into.text += this.#upTo('<![CDATA[', ']]>');
      else if (this.#sees('<?')) this.#instruction();
      else if (this.#sees('<!')) throw this.#wrong('a declaration within an element');
      else return;
    }
  }

  #startTag(): { readonly element: Open; readonly isEmpty: boolean } {
    const line = this.#lineNow();
    this.#elements += 1;
    if (this.#elements > limits.xmlElements) throw tooMuch(`more than ${String(limits.xmlElements)} elements`);
    this.#at += 1;
    const name = this.#name('an element');
    const attributes: XmlAttribute[] = [];
    const seen = new Set<string>();
    for (;;) {
      const hadBlank = this.#blanks();
      const isEmpty = this.#sees('/>');
      if (isEmpty || this.#peek() === '>') {
        this.#at += isEmpty ? 2 : 1;
        return { element: { name, attributes, children: [], text: '', line }, isEmpty };
      }
      if (!hadBlank) throw this.#wrong(`no blank before an attribute of <${name}>`);
      const attribute = this.#attribute();
      if (seen.has(attribute.name)) throw this.#wrong(`the attribute "${attribute.name}" of <${name}> twice`);
      seen.add(attribute.name);
      attributes.push(attribute);
      if (attributes.length > limits.xmlAttributes) {
        throw tooMuch(`more than ${String(limits.xmlAttributes)} attributes`);
      }
    }
  }

  #attribute(): XmlAttribute {
    const line = this.#lineNow();
    const name = this.#name('an attribute');
    this.#blanks();
    if (this.#peek() !== '=') throw this.#wrong(`no value of the attribute "${name}"`);
    this.#at += 1;
    this.#blanks();
    const quote = this.#peek();
    if (quote !== '"' && quote !== "'") throw this.#wrong(`a value of "${name}" without quotes`);
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end < 0) throw this.#wrong(`a value of "${name}" that does not end`);
    const written = this.#text.slice(this.#at + 1, end);
    if (written.includes('<')) throw this.#wrong(`"<" in the value of "${name}"`);
    // Line ends and tabs that stand as such are blanks (XML 1.0, 3.3.3).
    const value = this.#references(written.replace(/\r\n|[\t\r\n]/g, ' '));
    this.#at = end + 1;
    return { name, value, line };
  }

  #endTag(open: Open): XmlElement {
    this.#at += 2;
    const name = this.#name('an element');
    if (name !== open.name) {
      throw this.#wrong(`</${name}> where </${open.name}> would end line ${String(open.line)}`);
    }
    this.#blanks();
    if (this.#peek() !== '>') throw this.#wrong(`an end tag </${name} that does not end`);
    this.#at += 1;
    return open;
  }

  #references(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&([^;&\s]{0,40});?/g, (reference: string, name: string) => {
      const known = Object.hasOwn(entities, name) ? entities[name] : undefined;
      const character = known ?? characterOf(name);
      if (!reference.endsWith(';') || character === null) {
        throw new ImportError(
          'XML_DTD',
          `Line ${String(this.#lineNow())} uses "${printable(reference)}", which is not known: only &lt; &gt; &amp; &quot; &apos; and numbers are.`,
        );
      }
      return character;
    });
  }

  #comment(): void {
    const line = this.#lineNow();
    const comment = this.#upTo('<!--', '-->');
    if (comment.includes('--') || comment.endsWith('-')) throw this.#wrong('"--" within a comment');
    if (/<[A-Za-z]/.test(comment)) this.#commentedOut.push(line);
  }

  #instruction(): void {
    if (/^<\?xml[\s?]/i.test(this.#text.slice(this.#at, this.#at + 6))) {
      throw this.#wrong('a declaration <?xml …?> that is not at the beginning');
    }
    this.#upTo('<?', '?>');
  }

  #upTo(begin: string, end: string): string {
    const from = this.#at + begin.length;
    const found = this.#text.indexOf(end, from);
    if (found < 0) throw this.#wrong(`"${begin}" without its "${end}"`);
    this.#at = found + end.length;
    return this.#text.slice(from, found);
  }

  #name(of: string): string {
    namePattern.lastIndex = this.#at;
    const name = namePattern.exec(this.#text)?.[0];
    if (name === undefined || name.length > limits.name) throw this.#wrong(`no name of ${of}`);
    this.#at += name.length;
    return name;
  }

  #blanks(): boolean {
    const begin = this.#at;
    while (/[ \t\r\n]/.test(this.#peek())) this.#at += 1;
    return this.#at > begin;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #sees(expected: string): boolean {
    return this.#text.startsWith(expected, this.#at);
  }

  #isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  #lineNow(): number {
    for (; this.#counted < this.#at; this.#counted += 1) {
      if (this.#text.charCodeAt(this.#counted) === 10) this.#line += 1;
    }
    return this.#line;
  }

  #wrong(found: string): ImportError {
    return new ImportError(
      'BAD_XML',
      `The userconfig.xml is no well-formed XML: line ${String(this.#lineNow())} has ${printable(found)}.`,
    );
  }
}

/** Of a reference by number, such as "#65" or "#x41"; null: there is no such character in XML. */
function characterOf(name: string): string | null {
  const match = /^#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}))$/.exec(name);
  if (match === null) return null;
  const code = match[1] === undefined ? Number.parseInt(match[2] ?? '', 16) : Number(match[1]);
  if (code === 0 || code > 0x10ffff) return null;
  const character = String.fromCodePoint(code);
  return illegal.test(character) ? null : character;
}

function tooMuch(found: string): ImportError {
  return new ImportError('TOO_LARGE', `The userconfig.xml has ${found}: this is no configuration of a module.`);
}
