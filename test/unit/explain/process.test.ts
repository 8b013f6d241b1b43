import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExplainProcess } from '../../../extension/panels/explainProcess.ts';
import { bundleProgram } from '../../support/bundles.ts';
import { clusterText, moduleText } from '../../support/explained.ts';

const others = [{ path: '/etc/understudy/site.cluster.jsonc', text: clusterText() }];
const module = (text: string, name = 'web') => ({ path: `/etc/understudy/modules/${name}.module.jsonc`, text });
const logged: string[] = [];
let explain: ExplainProcess;

beforeAll(async () => {
  const program = await bundleProgram('explain', 'agent/explain/main.ts');
  explain = new ExplainProcess(program, (line) => logged.push(line));
});
afterAll(() => explain.dispose());

describe('the process that explains modules to the editor', () => {
  it('answers with sentences', async () => {
    const { explained, diagnostics, failure } = await explain.ask(module(moduleText()), others);
    expect([diagnostics, failure]).toEqual([[], null]);
    expect(explained?.faults[0]?.sentences[0]).toMatch(/^If alpha loses power, web starts on beta/);
  });

  it.each([
    ['half of a text', '{ "name": "we'],
    ['no object', '[[[[1]]]]'],
    ['nothing', ''],
    ['bytes', '\u0000\u0001\uFFFD'.repeat(1000)],
    ['a deep one', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    ['a long one', `{ "name": "${'x'.repeat(500_000)}" }`],
    ['a prototype', '{ "__proto__": { "name": "web" }, "constructor": 1 }'],
  ])('tells what is wrong with %s, and goes on', async (_, text) => {
    const { explained, diagnostics, failure } = await explain.ask(module(text), others);
    expect(explained).toBeNull();
    expect(diagnostics.length > 0 || failure !== null).toBe(true);
    expect(logged).toEqual([]);
  });

  it('says that an error stands in the cluster file', async () => {
    const broken = [{ path: '/etc/understudy/site.cluster.jsonc', text: '{ "name": "site" }' }];
    const { explained, diagnostics } = await explain.ask(module(moduleText()), broken);
    expect(explained).toBeNull();
    expect(diagnostics.every(({ file }) => file.endsWith('site.cluster.jsonc'))).toBe(true);
  });

  it('answers the newest question about a file, and those about others', async () => {
    const [overtaken, newest, other] = await Promise.all([
      explain.ask(module(moduleText()), others),
      explain.ask(module(moduleText({ automatic: false })), others),
      explain.ask(module(moduleText({}, { name: 'db' }), 'db'), others),
    ]);
    expect(overtaken.failure === null || overtaken.explained === null).toBe(true);
    expect(newest.explained?.faults[0]?.sentences[0]).toContain('nothing starts it by itself');
    expect(other.explained?.module).toBe('db');
  });

  it('fails what is under way when nobody looks at it any more, and begins again when somebody does', async () => {
    const asked = explain.ask(module(moduleText()), others);
    explain.dispose();
    expect((await asked).failure).toContain('nobody looks');
    expect((await explain.ask(module(moduleText()), others)).explained?.module).toBe('web');
  });
});
