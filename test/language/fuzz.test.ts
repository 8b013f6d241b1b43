/** Whatever is typed: the server answers, soon, and goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CodeActionRequest,
  CompletionRequest,
  DefinitionRequest,
  DocumentFormattingRequest,
  DocumentHighlightRequest,
  DocumentLinkRequest,
  DocumentSymbolRequest,
  FoldingRangeRequest,
  HoverRequest,
  InlayHintRequest,
  PrepareRenameRequest,
  ReferencesRequest,
  RenameRequest,
  SelectionRangeRequest,
  SemanticTokensRequest,
  WorkspaceSymbolRequest,
} from 'vscode-languageserver-protocol/node';
import { applyEdits, LanguageClient, positionIn, validCluster, validModule } from '../support/languageClient.ts';

/** Milliseconds of processor time for all answers about one text: how busy the machine is otherwise does not count. */
const limit = 2000;
let client: LanguageClient;
let version = 0;

beforeAll(async () => {
  client = await LanguageClient.start({ files: { 'site.cluster.jsonc': validCluster } });
});
afterAll(() => client.stop());

/** A generator that gives the same numbers every time (xorshift). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Asks everything that can be asked about a place of a text. */
async function askAll(name: string, text: string, offset: number): Promise<void> {
  version += 1;
  if (version === 1 || !opened.has(name)) client.open(name, text);
  else client.change(name, version + 1, text);
  const asked = opened.has(name) ? version + 1 : 1;
  opened.add(name);
  const before = process.cpuUsage();
  const document = client.textDocument(name);
  const position = positionIn(text, offset);
  const place = { ...document, position };
  const range = { start: { line: 0, character: 0 }, end: positionIn(text, text.length) };
  const { connection } = client;
  const [, edits] = await Promise.all([
    client.diagnosticsOf(name, asked),
    connection.sendRequest(DocumentFormattingRequest.type, {
      ...document,
      options: { tabSize: 2, insertSpaces: true },
    }),
    connection.sendRequest(CompletionRequest.type, place),
    connection.sendRequest(HoverRequest.type, place),
    connection.sendRequest(DefinitionRequest.type, place),
    connection.sendRequest(DocumentHighlightRequest.type, place),
    connection.sendRequest(ReferencesRequest.type, { ...place, context: { includeDeclaration: true } }),
    connection.sendRequest(PrepareRenameRequest.type, place),
    connection.sendRequest(RenameRequest.type, { ...place, newName: 'other' }),
    connection.sendRequest(DocumentSymbolRequest.type, document),
    connection.sendRequest(WorkspaceSymbolRequest.type, { query: 'a' }),
    connection.sendRequest(DocumentLinkRequest.type, document),
    connection.sendRequest(FoldingRangeRequest.type, document),
    connection.sendRequest(SelectionRangeRequest.type, { ...document, positions: [position] }),
    connection.sendRequest(SemanticTokensRequest.type, document),
    connection.sendRequest(InlayHintRequest.type, { ...document, range }),
    connection.sendRequest(CodeActionRequest.type, { ...document, range, context: { diagnostics: [] } }),
    connection.sendRequest(CodeActionRequest.type, {
      ...document,
      range,
      context: { diagnostics: [], only: ['source.fixAll'] },
    }),
  ]);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(limit);
  // Formatting never changes anything but blanks.
  if (text.length < 10_000) {
    const formatted = applyEdits(text, edits ?? []);
    expect(formatted.replace(/[\s\uFEFF]/g, '')).toBe(text.replace(/[\s\uFEFF]/g, ''));
  }
  client.published.length = 0;
}
const opened = new Set<string>();

const web = 'modules/web.module.jsonc';
const site = 'site.cluster.jsonc';
const whole = validModule.replace(
  '"server"',
  '"failover": { "detection": "3s", "conditions": [{ "ping": { "host": "10.0.0.254" } }] },\n  "dependsOn": ["db"], "server"',
);

describe('half a file', () => {
  it('is answered about at every place where one may have stopped', async () => {
    for (let end = 0; end <= whole.length; end += 3) await askAll(web, whole.slice(0, end), end);
  });

  it('of a cluster as well', async () => {
    for (let end = 0; end <= validCluster.length; end += 3) await askAll(site, validCluster.slice(0, end), end);
  });
});

describe('a file that somebody spoils', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '//',
    '/*',
    '*/',
    '\n',
    '\r\n',
    '\r',
    '\0',
    '🦀',
    '\uD800',
    '\u2028',
    'null',
    '1e9',
    '"a": ',
    '\uFEFF',
  ];

  it.each([1, 2, 3])('is answered about, whatever is put in or taken out (%i)', async (seed) => {
    const next = numbers(seed * 7919);
    for (let round = 0; round < 60; round += 1) {
      let text = next(2) === 0 ? whole : validCluster;
      for (let count = next(8); count >= 0; count -= 1) {
        const at = next(text.length + 1);
        text = text.slice(0, at) + (pieces[next(pieces.length)] ?? '') + text.slice(at + next(6));
      }
      await askAll(next(2) === 0 ? web : site, text, next(text.length + 1));
    }
  });

  it('is answered about with the line ends of any system', async () => {
    for (const eol of ['\r\n', '\r', '\u2028']) {
      const text = whole.replaceAll('\n', eol);
      for (let at = 0; at < text.length; at += 40) await askAll(web, text, at);
    }
  });
});

describe('a file that is none of ours', () => {
  const many = (count: number, text: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => text(index)).join(',');

  it.each([
    ['nested deeply', '['.repeat(100_000)],
    ['nested deeply, in objects', '{"a":'.repeat(50_000)],
    ['nested as deeply as is read', `${'{"a":'.repeat(99)}1${'}'.repeat(99)}`],
    ['long', `{ "name": "${'x'.repeat(900_000)}" }`],
    ['too long', `{ "name": "${'x'.repeat(3_000_000)}" }`],
    ['of unknown keys', `{${many(60_000, (index) => `"k${String(index)}":1`)}}`],
    ['of the same key', `{${many(60_000, () => '"name":1')}}`],
    ['of hosts', `{"hosts":[${many(60_000, (index) => `"h${String(index)}"`)}]}`],
    ['of wrong disks', `{"server":{"qemu":{"disks":[${many(30_000, () => '{"fil":"a"}')}]}}}`],
    ['of commas', ','.repeat(200_000)],
    ['of quotes', '"'.repeat(200_001)],
    ['of comments', '// a\n'.repeat(100_000)],
    ['of lines', '\n'.repeat(500_000)],
    ['of bytes', String.fromCharCode(...Array.from({ length: 60_000 }, (_, index) => (index * 7919) % 65_536))],
  ])('%s, is answered about', async (_what, text) => {
    for (const offset of [0, Math.floor(text.length / 2), text.length]) await askAll(web, text, offset);
  });
});

it('helps as before afterwards', async () => {
  await askAll(web, whole, 0);
  client.change(web, 1_000_000, validModule);
  expect(await client.diagnosticsOf(web, 1_000_000)).toEqual([]);
});
