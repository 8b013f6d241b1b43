/** A property of an object, with what is said of it on the lines before. */
export interface Property {
  readonly key: string;
  /** Properties, items, or a plain value, which comes on one line. */
  readonly value: JsoncValue;
  readonly comment?: string | null;
}

export interface Item {
  readonly value: JsoncValue;
  readonly comment?: string | null;
}

export type JsoncValue =
  { readonly properties: readonly Property[] } | { readonly items: readonly Item[] } | { readonly plain: unknown };

const step = '  ';

/** JSON with comments, laid out as people write it. @param heading comment before everything */
export function jsoncText(properties: readonly Property[], heading: readonly string[]): string {
  return `${heading.map((line) => `// ${lineOf(line)}\n`).join('')}${render({ properties }, '')}\n`;
}

function render(value: JsoncValue, indent: string): string {
  if ('plain' in value) return inline(value.plain);
  const inner = indent + step;
  const isObject = 'properties' in value;
  const entries = isObject
    ? value.properties.map((each) => ({ ...each, text: `${string(each.key)}: ${render(each.value, inner)}` }))
    : value.items.map((each) => ({ ...each, text: render(each.value, inner) }));
  const lines = entries.map(({ comment, text }) => {
    const above = comment ? `${inner}// ${lineOf(comment)}\n` : '';
    return `${above}${inner}${text}`;
  });
  const [open, close] = isObject ? ['{', '}'] : ['[', ']'];
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, child]) => `${string(key)}: ${inline(child)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string' ? string(value) : JSON.stringify(value);
}

/** Characters that turn a line around or hide are escaped: what is read has to be what is there. */
function string(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A comment ends with its line. */
function lineOf(comment: string): string {
  return comment.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]+/gu, ' ');
}
