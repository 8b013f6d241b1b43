import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MirrorController } from '../../agent/mirror/controller.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleMirror } from '../../agent/runtime/moduleMirror.ts';
import type { ModuleServer } from '../../agent/runtime/moduleServer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-mirror-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a server that cannot be killed at first is killed in the end, and why it was not is told', async () => {
  const did: string[] = [];
  const done = (what: string) => (): Promise<void> => Promise.resolve(void did.push(what));
  const controller = { events: () => undefined, freeze: done('freeze'), abort: done('abort') };
  const kills = [new Error('the stop script ended with code 1'), null];
  const server = {
    giveUpStart: () => undefined,
    kill: () => {
      did.push('kill');
      return Promise.resolve(kills.shift());
    },
    noteKilled: () => did.push('killed'),
  };
  const mirror = new ModuleMirror(
    {
      module: 'web',
      log: new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error'),
      open: () => Promise.reject(new Error('not asked for')),
      content: true,
      onEvent: () => undefined,
      onReopened: () => undefined,
    },
    controller as unknown as MirrorController,
    null,
  );
  await mirror.fenceUntilGone(server as unknown as ModuleServer);
  expect(did).toEqual(['freeze', 'kill', 'abort', 'freeze', 'kill', 'abort', 'killed']);
  expect(readFileSync(join(folder, 'log.jsonl'), 'utf8')).toContain('the stop script ended with code 1');
});
