import { getLanguageService } from 'vscode-json-languageservice';
import type { JSONDocument, JSONSchema } from 'vscode-json-languageservice';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { clusterSchema, moduleSchema } from '../../../schemas/generated/schemas.ts';

/** Completion and hover from the schemas. Its own verdicts stay unused: those come from the validators that the agent uses. */
export const jsonService = getLanguageService({});

jsonService.configure({
  validate: false,
  allowComments: true,
  schemas: [
    { uri: moduleSchema.$id, fileMatch: ['*.module.jsonc'], schema: described(moduleSchema) },
    { uri: clusterSchema.$id, fileMatch: ['*.cluster.jsonc'], schema: described(clusterSchema) },
  ],
});

const parsed = new WeakMap<TextDocument, { readonly version: number; readonly json: JSONDocument }>();

/** The JSON tree of the document as it is now; parsed once a version. */
export function jsonOf(document: TextDocument): JSONDocument {
  const known = parsed.get(document);
  if (known?.version === document.version) return known.json;
  const json = jsonService.parseJSONDocument(document);
  parsed.set(document, { version: document.version, json });
  return json;
}

/** The schema with default and unit of each key added to what is shown of it. */
function described(schema: object): JSONSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('description' in value)) return value;
    const { description, unit, ...rest } = value as Record<string, unknown>;
    if (typeof description !== 'string') return value;
    const facts = [
      typeof unit === 'string' ? `Unit: ${unit}.` : '',
      'default' in rest ? `Default: \`${JSON.stringify(rest['default'])}\`.` : '',
      typeof rest['minimum'] === 'number' && typeof rest['maximum'] === 'number'
        ? `From ${rest['minimum']} to ${rest['maximum']}.`
        : '',
    ].filter((fact) => fact !== '');
    // A title would be shown above the description, and is a name for programmers.
    delete rest['title'];
    return { ...rest, description, markdownDescription: [description, facts.join(' ')].filter(Boolean).join('\n\n') };
  }) as JSONSchema;
}
