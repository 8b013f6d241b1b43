import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HoverRequest } from 'vscode-languageserver-protocol/node';
import type { MarkupContent } from 'vscode-languageserver-protocol/node';
import { LanguageClient, textIn, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({ files: { 'site.cluster.jsonc': validCluster } });
});
afterEach(() => client.stop());

async function hover(marked: string, name = web): Promise<{ text: string; covers: string } | null> {
  const found = await client.connection.sendRequest(HoverRequest.type, client.openAt(name, marked));
  if (found === null) return null;
  const covers = found.range === undefined ? '' : textIn(marked.replace('|', ''), found.range);
  return { text: (found.contents as MarkupContent).value, covers };
}

describe('a key', () => {
  it('is explained with default, unit, range and version', async () => {
    const found = await hover(validModule.replace('"memory"', '"cp|us": 2, "memory"'));
    expect(found?.covers).toBe('"cpus"');
    for (const part of [
      'Number of virtual processors.',
      'Default: `1`.',
      'Unit: virtual processors.',
      'From 1 to 512.',
      'Since 0.1.0.',
    ]) {
      expect(found?.text).toContain(part);
    }
  });

  it('has an example, and the choices there are', async () => {
    const found = await hover(validModule.replace('"mirror"', '"failover": { "fail|backWindow": "always" }, "mirror"'));
    expect(found?.text).toContain('Examples: `"Sunday 02:00-05:00"`');
    const choice = await hover(
      validModule.replace('"mirror"', '"failover": { "fail|back": "manual" }, "mirror"'),
      'a.module.jsonc',
    );
    expect(choice?.text).toContain('One of `"manual"`, `"automatic"`.');
  });

  it('is explained in a branch that was chosen', async () => {
    expect((await hover(validCluster.replace('"witness"', '"wit|ness"'), 'site.cluster.jsonc'))?.text).toContain(
      'Host that is the witness',
    );
  });
});

describe('a value', () => {
  it('that is a quantity is told in other words', async () => {
    expect((await hover(validModule.replace('512MiB', '512|MiB')))?.text).toContain('512MiB = 536 870 912 bytes');
  });

  it('that is a host is told by its addresses and what it is for', async () => {
    const found = await hover(validModule.replace('"beta"', '"be|ta"'));
    expect(found?.text).toContain('lan 10.77.0.2');
    expect(found?.text).toContain('Modules: web');
  });
});

it('says nothing where nothing stands, and of a key that nobody knows', async () => {
  expect(await hover(validModule.replace('"mirror": {', '"mirror": {|'))).toBeNull();
  expect(await hover('{ "nob|ody": 1 }', 'a.module.jsonc')).toBeNull();
  expect(await hover('|', 'b.module.jsonc')).toBeNull();
});

it('takes no text of a file for Markdown', async () => {
  const cluster = validCluster.replace('10.77.0.1', '[x](command:y)');
  client.open('site.cluster.jsonc', cluster);
  expect((await hover(validModule.replace('"alpha"', '"al|pha"')))?.text).toContain('\\[x\\](command:y)');
});

it('is plain text for an editor that shows no Markdown', async () => {
  const plain = await LanguageClient.start({
    capabilities: { textDocument: { hover: { contentFormat: ['plaintext'] } } },
    opensFolder: false,
  });
  const found = await plain.connection.sendRequest(
    HoverRequest.type,
    plain.openAt(web, validModule.replace('"memory"', '"cp|us": 2, "memory"')),
  );
  expect(found?.contents).toMatchObject({ kind: 'plaintext' });
  expect((found?.contents as MarkupContent).value).toContain('Default: 1.');
  await plain.stop();
});
