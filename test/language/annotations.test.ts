/** What an editor shows in a file beside its text: tokens, hints, links. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DocumentLinkRequest, InlayHintRequest, SemanticTokensRequest } from 'vscode-languageserver-protocol/node';
import type { InlayHint } from 'vscode-languageserver-protocol/node';
import { LanguageClient, positionIn, textIn, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({ files: { 'site.cluster.jsonc': validCluster } });
});
afterEach(() => client.stop());

describe('semantic tokens', () => {
  async function tokens(name: string, text: string): Promise<string[]> {
    client.open(name, text);
    const { data } = (await client.connection.sendRequest(SemanticTokensRequest.type, client.textDocument(name))) ?? {
      data: [],
    };
    const { tokenTypes, tokenModifiers } = client.result.capabilities.semanticTokensProvider?.legend ?? {
      tokenTypes: [],
      tokenModifiers: [],
    };
    const found: string[] = [];
    let [line, character] = [0, 0];
    for (let at = 0; at < data.length; at += 5) {
      const [lines = 0, characters = 0, length = 0, type = 0, modifiers = 0] = data.slice(at, at + 5);
      character = lines === 0 ? character + characters : characters;
      line += lines;
      const word = textIn(text, { start: { line, character }, end: { line, character: character + length } });
      found.push(`${word} ${tokenTypes[type] ?? ''}${modifiers === 1 ? ` ${tokenModifiers[0] ?? ''}` : ''}`);
    }
    return found;
  }

  it('are names, and quantities where a key takes them', async () => {
    expect(await tokens(web, validModule)).toEqual([
      'web class declaration',
      'alpha variable',
      'beta variable',
      '512MiB number',
    ]);
    expect(await tokens('site.cluster.jsonc', validCluster)).toEqual([
      'lan namespace declaration',
      'alpha variable declaration',
      'lan namespace',
      'beta variable declaration',
      'lan namespace',
      'gamma variable declaration',
      'lan namespace',
      'gamma variable',
    ]);
  });

  it('count characters as editors do', async () => {
    expect(await tokens('a.module.jsonc', '{ /* 🦀 */ "name": "web" }')).toEqual(['web class declaration']);
  });
});

describe('inlay hints', () => {
  async function hints(text: string): Promise<InlayHint[]> {
    client.open(web, text);
    const range = { start: { line: 0, character: 0 }, end: positionIn(text, text.length) };
    return (await client.connection.sendRequest(InlayHintRequest.type, { ...client.textDocument(web), range })) ?? [];
  }

  it('tell the defaults in force of a section, all of them when one asks', async () => {
    const text = '{\n  "failover": {\n    "restarts": 1\n  }\n}';
    const [hint, ...others] = await hints(text);
    expect(others).toEqual([]);
    expect(hint?.position).toEqual(positionIn(text, text.indexOf('{', 2) + 1));
    expect(hint?.label).toContain('automatic true, detection 3s');
    expect(hint?.label).not.toContain('restarts');
    expect(JSON.stringify(hint?.tooltip)).toContain('failbackWindow');
  });

  it('stand where another key would come on one line', async () => {
    const text = '{ "server": { "qemu": { "disks": [{ "file": "disk.raw" }] } } }';
    const found = await hints(text);
    const disk = found.find(({ label }) => typeof label === 'string' && label.startsWith('format raw'));
    expect(disk?.label).toBe('format raw, cache none, aio threads');
    expect(disk?.position).toEqual(positionIn(text, text.indexOf('}')));
  });

  it('stand behind the brace of a section that is being typed', async () => {
    const text = '{ "failover": { "restarts": 1';
    const [hint] = await hints(text);
    expect(hint?.position).toEqual(positionIn(text, text.indexOf('{', 2) + 1));
  });

  it('are none where everything is said', async () => {
    expect(await hints('{ "failover": { "automatic": true } }')).toHaveLength(1);
    expect(await hints('{ "mirror": 1 }')).toEqual([]);
  });
});

describe('links', () => {
  it('lead to scripts, images and directories that this machine has', async () => {
    const vm = join(client.folder, 'vm');
    await mkdir(vm);
    await writeFile(join(vm, 'disk.raw'), '');
    const text = validModule.replace('/srv/vm/web', vm);
    client.open(web, text);
    const links = await client.connection.sendRequest(DocumentLinkRequest.type, client.textDocument(web));
    expect(links?.map(({ range, target }) => [textIn(text, range), target])).toEqual([
      [vm, pathToFileURL(vm).toString()],
      ['disk.raw', pathToFileURL(join(vm, 'disk.raw')).toString()],
    ]);
  });

  it('are none to what is not there', async () => {
    client.open(web, validModule);
    expect(await client.connection.sendRequest(DocumentLinkRequest.type, client.textDocument(web))).toEqual([]);
  });
});
