import { branchesOf, isSchema, resolveSchema, typesOf, valuesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';

/**
 * The first value of something that is added: as little as there can be, for what is missing is told of at its field, and an example
 * that nobody has meant would look like a choice.
 */
export function seedOf(schema: SchemaJson, root: SchemaJson): unknown {
  const [branch = schema] = branchesOf(schema, root);
  const [value] = valuesOf(branch);
  if (value !== undefined) return branch['default'] ?? value;
  const [type] = typesOf(branch);
  switch (type) {
    case 'object':
      return {};
    case 'array': {
      const { items, minItems } = branch;
      if (!isSchema(items)) return [];
      const item = resolveSchema(items, root);
      return Array.from({ length: typeof minItems === 'number' ? minItems : 0 }, () => seedOf(item, root));
    }
    case 'boolean':
      return branch['default'] ?? false;
    case 'number':
      return branch['default'] ?? branch['minimum'] ?? 0;
    default:
      return branch['default'] ?? '';
  }
}
