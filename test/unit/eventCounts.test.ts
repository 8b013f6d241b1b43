import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countedFromZero } from '../../agent/api/eventMetrics.ts';
import { EventCounts } from '../../agent/runtime/eventCounts.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-counts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('counts events since the agent started, by module, level and code, and no module that a client made up', () => {
  const file = join(folder, 'log.jsonl');
  new EventLog(file, 'alpha', 'error').add('warn', 'web', 'FAILED_OVER', 'before the agent was started anew');
  const log = new EventLog(file, 'alpha', 'error');
  const counts = new EventCounts(log, (name) => name === 'web');
  log.add('warn', 'web', 'FAILED_OVER', 'web failed over to alpha');
  log.add('warn', 'web', 'SERVER_DIED', 'web died on alpha: restart 1 of 3');
  log.add('error', 'web', 'SERVER_DIED', 'web died on alpha after 3 restarts');
  log.add('warn', 'web', 'FAILED_OVER', 'web failed over to alpha');
  log.add('info', null, 'AGENT_READY', 'agent of alpha is ready');
  for (const name of ['x1', 'x2']) log.add('warn', name, 'AUDIT', `start of ${name}: refused`);
  log.add('debug', 'web', 'SERVER', 'what is not kept is not counted');
  expect(counts.all).toEqual([
    { module: 'web', level: 'warn', code: 'FAILED_OVER', count: 2 },
    { module: 'web', level: 'warn', code: 'SERVER_DIED', count: 1 },
    { module: 'web', level: 'error', code: 'SERVER_DIED', count: 1 },
    { module: null, level: 'info', code: 'AGENT_READY', count: 1 },
    { module: null, level: 'warn', code: 'AUDIT', count: 2 },
  ]);
});

it('counts from 0 on only what the core logs', () => {
  const core = join(import.meta.dirname, '../../agent/core');
  const source = readdirSync(core)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(core, name), 'utf8'))
    .join('\n');
  for (const [, code] of countedFromZero) expect(source).toContain(`'${code}'`);
});
