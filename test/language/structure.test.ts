import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DocumentSymbolRequest,
  FoldingRangeRequest,
  SelectionRangeRequest,
  SymbolKind,
  WorkspaceSymbolRequest,
} from 'vscode-languageserver-protocol/node';
import type { DocumentSymbol, SelectionRange } from 'vscode-languageserver-protocol/node';
import { LanguageClient, positionIn, textIn, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
const site = 'site.cluster.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({
    files: { [site]: validCluster, 'modules/db.module.jsonc': validModule.replaceAll('web', 'db') },
  });
});
afterEach(() => client.stop());

async function symbols(name: string, text: string): Promise<DocumentSymbol[]> {
  client.open(name, text);
  const found = await client.connection.sendRequest(DocumentSymbolRequest.type, client.textDocument(name));
  return (found ?? []) as DocumentSymbol[];
}

describe('the outline', () => {
  it('has the keys of a file, and entries of lists by what they are called', async () => {
    const found = await symbols(web, validModule);
    expect(found.map(({ name }) => name)).toEqual(['name', 'hosts', 'mirror', 'server']);
    expect(found[1]?.detail).toBe('alpha, beta');
    const disks = found[3]?.children?.[0]?.children?.[1];
    expect(disks?.name).toBe('disks');
    expect(disks?.children?.map(({ name }) => name)).toEqual(['disk.raw']);
  });

  it('has hosts and networks as what they are, and every name is one that an editor takes', async () => {
    const found = await symbols(site, validCluster.replace('"lan": {}', '"lan": {}, "": {}'));
    const networks = found.find(({ name }) => name === 'networks');
    expect(networks?.children?.map(({ name, kind }) => [name, kind])).toEqual([
      ['lan', SymbolKind.Interface],
      ['""', SymbolKind.Interface],
    ]);
    expect(found.find(({ name }) => name === 'hosts')?.children?.[0]?.kind).toBe(SymbolKind.Object);
  });

  it('is there for half a file', async () => {
    expect((await symbols(web, '{ "name": "web", "hosts": ["alpha"')).map(({ name }) => name)).toEqual([
      'name',
      'hosts',
    ]);
  });
});

it('finds modules, hosts and networks of all files by some of their letters', async () => {
  const named = async (query: string): Promise<string[]> => {
    const found = await client.connection.sendRequest(WorkspaceSymbolRequest.type, { query });
    return (found ?? []).map(({ name }) => name);
  };
  expect(await named('')).toEqual(['db', 'alpha', 'beta', 'gamma', 'lan']);
  expect(await named('gm')).toEqual(['gamma']);
  expect(await named('DB')).toEqual(['db']);
  expect(await named('zz')).toEqual([]);
});

describe('folding', () => {
  it('folds sections, lists, and comments of several lines; the closing line stays', async () => {
    const text = [
      '// one', // 0
      '// two', // 1
      '{', // 2
      '  "name": "web",', // 3
      '  "mirror": {', // 4
      '    "directories": [', // 5
      '      "/srv"', // 6
      '    ]', // 7
      '  },', // 8
      '  /* of', // 9
      '     its own */', // 10
      '  "hosts": ["a", "b"]', // 11
      '}', // 12
    ].join('\n');
    client.open(web, text);
    const found = await client.connection.sendRequest(FoldingRangeRequest.type, client.textDocument(web));
    const ranges = (found ?? []).map(({ startLine, endLine, kind }) => [startLine, endLine, kind ?? 'section']);
    expect(ranges.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
      [0, 1, 'comment'],
      [2, 11, 'section'],
      [4, 7, 'section'],
      [5, 6, 'section'],
      [9, 10, 'comment'],
    ]);
  });
});

it('selects from a word outwards, step by step', async () => {
  client.open(web, validModule);
  const position = positionIn(validModule, validModule.indexOf('vm/web'));
  const params = { ...client.textDocument(web), positions: [position] };
  const [first] = (await client.connection.sendRequest(SelectionRangeRequest.type, params)) ?? [];
  const steps: string[] = [];
  for (let range: SelectionRange | undefined = first; range !== undefined; range = range.parent) {
    steps.push(textIn(validModule, range.range));
  }
  expect(steps.slice(0, 6)).toEqual([
    '/srv/vm/web',
    '"/srv/vm/web"',
    '["/srv/vm/web"]',
    '"directories": ["/srv/vm/web"]',
    ' "directories": ["/srv/vm/web"] ',
    '{ "directories": ["/srv/vm/web"] }',
  ]);
  expect(steps.at(-1)).toBe(validModule);
});
