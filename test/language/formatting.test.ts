import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DocumentFormattingRequest, DocumentRangeFormattingRequest } from 'vscode-languageserver-protocol/node';
import { applyEdits, LanguageClient, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start();
});
afterEach(() => client.stop());

let opened = 0;

async function format(text: string, options: { tabSize?: number; insertSpaces?: boolean } = {}): Promise<string> {
  const name = `m${String(opened++)}.module.jsonc`;
  client.open(name, text);
  const edits = await client.connection.sendRequest(DocumentFormattingRequest.type, {
    ...client.textDocument(name),
    options: { tabSize: 2, insertSpaces: true, ...options },
  });
  return applyEdits(text, edits ?? []);
}

describe('formatting', () => {
  it('leaves a file alone that is written as ours are', async () => {
    expect(await format(validModule)).toBe(validModule);
  });

  it('indents and spaces, and keeps comments and line breaks', async () => {
    const text = '{\n"name":"web", // why\n/* and\n   how */\n      "hosts":["alpha","beta"],\n\n"needs":{}\n}\n';
    expect(await format(text)).toBe(
      '{\n  "name": "web", // why\n  /* and\n   how */\n  "hosts": ["alpha", "beta"],\n\n  "needs": {}\n}\n',
    );
  });

  it('spreads a file that is all on one line', async () => {
    expect(await format('{"name":"web","needs":{"cpu":1}}')).toBe(
      '{\n  "name": "web",\n  "needs": {\n    "cpu": 1\n  }\n}',
    );
  });

  it('goes by the editor for tabs, and by the file for line ends', async () => {
    expect(await format('{\r\n"name": "web"\r\n}\r\n', { insertSpaces: false })).toBe('{\r\n\t"name": "web"\r\n}\r\n');
  });

  it('changes nothing but blanks, twice the same', async () => {
    const text = '{"name" :"a b\\"c",\n "needs":{"cpu":2,"memory" : "4GiB"},"dependsOn":[ ],}';
    const once = await format(text);
    expect(once.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
    expect(await format(once)).toBe(once);
  });

  it('leaves alone what is no JSON', async () => {
    expect(await format('name: web')).toBe('name: web');
  });
});

it('formats a part of a file', async () => {
  const text = '{\n"name":"web",\n"hosts":["a","b"]\n}\n';
  client.open(web, text);
  const edits = await client.connection.sendRequest(DocumentRangeFormattingRequest.type, {
    ...client.textDocument(web),
    range: { start: { line: 2, character: 0 }, end: { line: 2, character: 17 } },
    options: { tabSize: 2, insertSpaces: true },
  });
  const formatted = applyEdits(text, edits ?? []);
  expect(formatted).toContain('"hosts": ["a", "b"]');
  expect(formatted).toContain('"name":"web"');
});
