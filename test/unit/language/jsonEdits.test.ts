import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChanges, removeValue, setValue } from '../../../schemas/jsonEdits.ts';
import { parseText, valueOf } from '../../../schemas/jsonText.ts';
import type { PathSegment } from '../../../schemas/jsonText.ts';

const set = (text: string, path: readonly PathSegment[], value: unknown, order?: readonly string[]): string =>
  applyChanges(text, setValue(text, path, value, order === undefined ? {} : { order }));
const remove = (text: string, path: readonly PathSegment[]): string => applyChanges(text, removeValue(text, path));

describe('a value that is set', () => {
  it('replaces the one that is there, and nothing else', () => {
    expect(set('{ "a": 1, // one\n "b": 2 }', ['a'], 3)).toBe('{ "a": 3, // one\n "b": 2 }');
  });

  it('is added on the same line, or on one of its own, as its neighbours are', () => {
    expect(set('{ "a": 1 }', ['b'], 2)).toBe('{ "a": 1, "b": 2 }');
    expect(set('{\n  "a": 1\n}\n', ['b'], 2)).toBe('{\n  "a": 1,\n  "b": 2\n}\n');
    expect(set('{\r\n\t"a": 1\r\n}', ['b'], 2)).toBe('{\r\n\t"a": 1,\r\n\t"b": 2\r\n}');
  });

  it('leaves a comment with what it is about, and a comma at the end where it was', () => {
    expect(set('{\n  "a": 1 // one\n}', ['b'], 2)).toBe('{\n  "a": 1, // one\n  "b": 2\n}');
    expect(set('{\n  "a": 1, // one\n}', ['b'], 2)).toBe('{\n  "a": 1, // one\n  "b": 2,\n}');
    expect(set('{\n  // nothing yet\n}', ['b'], 2)).toBe('{\n  // nothing yet\n  "b": 2\n}');
  });

  it('comes behind the keys that precede it', () => {
    const order = ['name', 'hosts', 'mirror'];
    expect(set('{ "name": "a", "mirror": 1 }', ['hosts'], 2, order)).toBe('{ "name": "a", "hosts": 2, "mirror": 1 }');
    expect(set('{\n  "mirror": 1\n}', ['name'], 'a', order)).toBe('{\n  "name": "a",\n  "mirror": 1\n}');
  });

  it('brings the sections that it is in, and is an entry of a list', () => {
    expect(set('{}', ['a', 'b'], 1)).toBe('{\n  "a": { "b": 1 }\n}');
    expect(set('{ "a": [1] }', ['a', 5], 2)).toBe('{ "a": [1, 2] }');
    expect(set('{ "a": [] }', ['a', 0], 2)).toBe('{ "a": [2] }');
  });

  it('is written on several lines when it is long', () => {
    const long = { first: 'x'.repeat(50), second: 'y'.repeat(50) };
    expect(set('{\n  "a": 1\n}', ['b'], long)).toBe(
      `{\n  "a": 1,\n  "b": {\n    "first": "${long.first}",\n    "second": "${long.second}"\n  }\n}`,
    );
  });

  it('is indented as the file is, not as a comment in it', () => {
    expect(set('/*\n * About\n */\n{\n    "a": {\n    }\n}', ['a', 'b'], 1)).toBe(
      '/*\n * About\n */\n{\n    "a": {\n        "b": 1\n    }\n}',
    );
  });

  it('is not set where something else is in the way, or nothing can be read', () => {
    expect(set('{ "a": 1 }', ['a', 'b'], 2)).toBe('{ "a": 1 }');
    expect(set('', ['a'], 2)).toBe('');
  });
});

describe('a value that is taken out', () => {
  it('takes its line and its comma along', () => {
    expect(remove('{\n  "a": 1,\n  "b": 2\n}', ['a'])).toBe('{\n  "b": 2\n}');
    expect(remove('{\n  "a": 1,\n  "b": 2\n}', ['b'])).toBe('{\n  "a": 1\n}');
    expect(remove('{ "a": 1, "b": 2 }', ['a'])).toBe('{ "b": 2 }');
    expect(remove('{ "a": 1, "b": 2 }', ['b'])).toBe('{ "a": 1 }');
    expect(remove('["a", "b", "c"]', [2])).toBe('["a", "b"]');
    expect(remove('{ "a": [1] }', ['a', 0])).toBe('{ "a": [] }');
  });

  it('leaves comments', () => {
    expect(remove('{\n  // first\n  "a": 1, // one\n  "b": 2 // two\n}', ['b'])).toBe(
      '{\n  // first\n  "a": 1 // one\n // two\n}',
    );
  });
});

describe('whatever the text', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const tree = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.integer(),
      fc.constantFrom('text', '// no comment', '"quoted"'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  const indent = fc.constantFrom(undefined, 2, '\t');

  it('has the value at its path afterwards, and all others as before', () => {
    fc.assert(
      fc.property(
        fc.dictionary(key, tree),
        indent,
        fc.array(key, { minLength: 1, maxLength: 3 }),
        tree,
        (before, space, path, value) => {
          const text = JSON.stringify(before, null, space);
          const after = set(text, path, value);
          const expected = structuredClone(before);
          let at: Record<string, unknown> = expected;
          for (const segment of path.slice(0, -1)) {
            const next = Object.hasOwn(at, segment) ? at[segment] : (at[segment] = {});
            if (typeof next !== 'object' || next === null || Array.isArray(next)) {
              expect(after).toBe(text);
              return;
            }
            at = next as Record<string, unknown>;
          }
          at[path.at(-1) ?? ''] = value;
          const { root, problems } = parseText(after);
          expect(problems).toEqual([]);
          expect(root === null ? null : valueOf(root)).toEqual(expected);
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  it('is whole when something is taken out', () => {
    fc.assert(
      fc.property(fc.dictionary(key, tree, { minKeys: 1 }), indent, (before, space) => {
        const text = JSON.stringify(before, null, space);
        for (const name of Object.keys(before)) {
          const { root, problems } = parseText(remove(text, [name]));
          const { [name]: _, ...expected } = before;
          expect(problems).toEqual([]);
          expect(root === null ? null : valueOf(root)).toEqual(expected);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
