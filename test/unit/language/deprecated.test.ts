import { expect, it } from 'vitest';
import { deprecatedKeys } from '../../../schemas/deprecated.ts';
import { moduleSchema } from '../../../schemas/generated/schemas.ts';

const schema = {
  type: 'object',
  properties: {
    old: { type: 'string', deprecated: 'since 0.2.0: use "new"' },
    new: { type: 'string' },
    moved: { type: 'string', deprecated: 'since 0.2.0: use "map.x"' },
    list: { type: 'array', items: { $ref: '#/definitions/entry' } },
    map: { type: 'object', additionalProperties: { allOf: [{ $ref: '#/definitions/entry' }] } },
    either: { oneOf: [{ $ref: '#/definitions/entry' }, { const: 'none' }] },
  },
  definitions: { entry: { type: 'object', properties: { gone: { deprecated: 'since 0.3.0' } } } },
};

it('tells of keys that go, wherever they are, with what to use instead', () => {
  const value = { old: 'a', list: [{}, { gone: 1 }], map: { x: { gone: 1 } }, either: { gone: 1 } };
  expect(
    deprecatedKeys(schema, value).map(({ path, message, suggestion }) => [path.join('.'), message, suggestion]),
  ).toEqual([
    ['old', 'the key "old" is deprecated since 0.2.0: use "new"', 'new'],
    ['list.1.gone', 'the key "gone" is deprecated since 0.3.0', null],
    ['map.x.gone', 'the key "gone" is deprecated since 0.3.0', null],
    ['either.gone', 'the key "gone" is deprecated since 0.3.0', null],
  ]);
  expect(deprecatedKeys(schema, 'no object')).toEqual([]);
});

it('proposes no key that is there already, nor one of another section', () => {
  const found = deprecatedKeys(schema, { old: 'a', new: 'b', moved: 'c' });
  expect(found.map(({ suggestion }) => suggestion)).toEqual([null, null]);
});

it('has nothing to tell of today', () => {
  expect(deprecatedKeys(moduleSchema, { name: 'web' })).toEqual([]);
});
