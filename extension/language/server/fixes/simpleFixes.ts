/** Fixes of one place in one file. */
import { removeEntry } from '../../../../schemas/jsonEdits.ts';
import { formatDuration, parseDuration } from '../../../../schemas/units.ts';
import type { Node } from '../../../../schemas/jsonText.ts';
import { placeAt } from '../../../../schemas/jsonPlaces.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import { durationRange } from '../../../../schemas/schemaWords.ts';
import { isWhole, replaceWith, setIn } from './fix.ts';
import type { Fix, FixContext, Fixer } from './fix.ts';

/** What may be misspelt, or be something that is still to be defined. */
const perhapsNew: ReadonlySet<string> = new Set(['unknown-host', 'unknown-network', 'unknown-module']);

/** A misspelt key or value becomes the nearest known one, a quantity the one that was meant. */
export const replaceBySuggestion: Fixer = (context) => {
  const { suggestion, code } = context.diagnostic;
  if (suggestion === null) return [];
  const edits = replaceWith(context, suggestion);
  const title = `Replace with ${JSON.stringify(suggestion)}`;
  return [{ title, edits, isPreferred: true, isClear: !perhapsNew.has(code) }];
};

const removableEntries: ReadonlySet<string> = new Set([
  'duplicate-item',
  'unknown-module',
  'dependency-cycle',
  'bad-anti-affinity',
  'bad-glob',
]);

/** An entry of a list that is wrong there is taken out. */
export const removeFromList: Fixer = (context) => {
  const { diagnostic, path, node, file, document } = context;
  if (!removableEntries.has(diagnostic.code) || typeof path.at(-1) !== 'number' || node === null) return [];
  if (node.parent?.type !== 'array' || !isWhole(file)) return [];
  const title = `Remove ${document.text.slice(node.offset, node.offset + node.length)} from the list`;
  // One host fewer is another mistake.
  const isClear = diagnostic.code === 'duplicate-item' && path[0] !== 'hosts';
  return [{ title, edits: [{ file, changes: removeEntry(document.text, node) }], isClear }];
};

const removableKeys: ReadonlySet<string> = new Set([
  'unknown-key',
  'duplicate-key',
  'deprecated-key',
  'arbiter-kind',
  'fence-option',
]);

/** A key that nobody knows, or that says nothing there, is taken out. */
export const removeKey: Fixer = (context) => {
  const { diagnostic, file } = context;
  if (!removableKeys.has(diagnostic.code) || diagnostic.suggestion !== null || !isWhole(file)) return [];
  const property = propertyOf(context);
  if (property === null) return [];
  const name = String(property.children?.[0]?.value);
  const edits = [{ file, changes: removeEntry(file.document.text, property) }];
  return [{ title: `Remove the key "${name}"`, edits }];
};

/** The key that a problem is told at, with its value; null: it is told at a value. */
function propertyOf({ document: { root }, diagnostic }: FixContext): Node | null {
  const place = root === null ? null : placeAt(root, diagnostic.start);
  return place?.part === 'key' && place.node.offset === diagnostic.start ? place.property : null;
}

/** A number or a duration that is out of its range becomes the nearest that is in it. */
export const moveIntoRange: Fixer = (context) => {
  const { diagnostic, document, path, node } = context;
  const schema = schemaAt(document, path)?.branch ?? {};
  if (diagnostic.code === 'bad-duration' && typeof node?.value === 'string') {
    const [range, value] = [durationRange(schema), parseDuration(node.value)];
    if (range === null || value === null) return [];
    const nearest = formatDuration(Math.min(Math.max(value, range.minimumMs), range.maximumMs));
    // "1ms" is in the range of what has to be longer than zero, and what nobody means.
    if (nearest === formatDuration(value) || (value === 0 && range.minimumMs === 1)) return [];
    return [{ title: `Change to "${nearest}"`, edits: replaceWith(context, nearest) }];
  }
  if (diagnostic.code !== 'bad-value' || node?.type !== 'number') return [];
  const value = Number(node.value);
  const [minimum, maximum] = [schema['minimum'], schema['maximum']];
  const nearest =
    typeof minimum === 'number' && value < minimum
      ? minimum
      : typeof maximum === 'number' && value > maximum
        ? maximum
        : null;
  if (nearest === null) return [];
  return [{ title: `Change to ${nearest}`, edits: replaceWith(context, nearest) }];
};

/** A detection time that would take a late heartbeat for a failure becomes the shortest one that does not. */
export const lengthenDetection: Fixer = (context) => {
  if (context.diagnostic.code !== 'detection-too-short' || context.node === null) return [];
  return [{ title: 'Change to "400ms"', edits: replaceWith(context, '400ms'), isPreferred: true }];
};

/** A look that may take longer than the time to the next one. */
export const shortenTimeout: Fixer = (context) => {
  const { diagnostic, path, file, document } = context;
  if (diagnostic.code !== 'bad-duration' || path.at(-1) !== 'timeout' || path.length < 3) return [];
  const every = /at most as long as every \((\w+)\)/.exec(diagnostic.message)?.[1];
  if (every === undefined || parseDuration(every) === null || !isWhole(file) || document.root === null) return [];
  return [{ title: `Change to "${every}"`, edits: setIn(file, path, every), isPreferred: true }];
};

/** An address that anybody on the way could read or change. */
export const useHttps: Fixer = (context) => {
  const { diagnostic, node } = context;
  if (!['insecure-arbiter', 'insecure-webhook'].includes(diagnostic.code) || typeof node?.value !== 'string') return [];
  const secure = node.value.replace(/^http:/, 'https:');
  return secure === node.value
    ? []
    : [{ title: `Change to ${JSON.stringify(secure)}`, edits: replaceWith(context, secure) }];
};

/** What both hosts may do without an arbiter. */
export const chooseManual: Fixer = (context): readonly Fix[] =>
  context.diagnostic.code === 'split-brain-risk' && context.node !== null
    ? [{ title: 'Change to "manual"', edits: replaceWith(context, 'manual') }]
    : [];
