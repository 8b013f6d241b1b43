import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AuditEntry } from '../../agent/api/audit.ts';
import { auditTo } from '../../agent/runtime/auditLog.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-audit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stranger: AuditEntry = {
  who: null,
  role: null,
  from: '10.0.0.66:1',
  what: 'connect',
  parameters: {},
  outcome: 'refused',
  code: 'NOT_AUTHENTICATED',
  message: 'no token',
  durationMs: 0,
};

it('has every command, however often those whom nobody knows are refused', () => {
  const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
  const audit = auditTo(log);
  for (let tried = 0; tried < 1000; tried += 1) {
    audit(stranger);
    if (tried % 100 === 0) audit({ ...stranger, who: 'ops', what: 'module.stop', parameters: { module: 'web' } });
  }
  const said = log.read({ limit: 5000 }).map(({ message }) => message);
  expect(said.filter((message) => message.startsWith('module.stop by ops'))).toHaveLength(10);
  expect(said.filter((message) => message.startsWith('connect by nobody known'))).toHaveLength(20);
});
