import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MirrorController } from '../../agent/mirror/controller.ts';
import type { MirrorSettings } from '../../agent/mirror/mirror.ts';
import { MirrorError } from '../../agent/mirror/mirrorError.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleMirror } from '../../agent/runtime/moduleMirror.ts';
import type { ModuleServer } from '../../agent/runtime/moduleServer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-mirror-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const settings: MirrorSettings = {
  acknowledgeTimeoutMs: 1000,
  directIo: 'cache',
  processors: 'awake',
  resyncUndo: null,
};
const slower: MirrorSettings = { ...settings, acknowledgeTimeoutMs: 5000 };

/** What is done to end a server whose kills come to nothing so often. */
async function endingOf(failures: number): Promise<readonly string[]> {
  const did: string[] = [];
  const done = (what: string) => (): Promise<void> => Promise.resolve(void did.push(what));
  const controller = { events: () => undefined, freeze: done('freeze'), abort: done('abort') };
  const server = {
    giveUpStart: () => undefined,
    kill: () => {
      did.push('kill');
      const isFailure = did.filter((what) => what === 'kill').length <= failures;
      return Promise.resolve(isFailure ? new Error('the stop script ended with code 1') : null);
    },
    noteKilled: () => did.push('killed'),
  };
  const mirror = new ModuleMirror(
    {
      module: 'web',
      log: new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error'),
      open: () => Promise.reject(new Error('not asked for')),
      settings,
      content: true,
      onEvent: () => undefined,
      onReopened: () => undefined,
    },
    controller as unknown as MirrorController,
    null,
  );
  await mirror.fenceUntilGone(server as unknown as ModuleServer);
  return did;
}

it('a server that cannot be killed at first is killed in the end, and why it was not is told', async () => {
  const fence = ['freeze', 'kill', 'abort'];
  expect(await endingOf(2)).toEqual([...fence, 'kill', ...fence, 'killed']);
  expect(readFileSync(join(folder, 'log.jsonl'), 'utf8')).toContain('the stop script ended with code 1');
});

it('a kill that stood still with the mirror is made once more when that is given up, without a word', async () => {
  expect(await endingOf(1)).toEqual(['freeze', 'kill', 'abort', 'kill', 'killed']);
  expect(existsSync(join(folder, 'log.jsonl'))).toBe(false);
});

/** A mirror process that is told what changes, and answers by `answer`. */
function mirrorProcess(answer = () => Promise.resolve()) {
  const told: MirrorSettings[] = [];
  const controller = {
    events: () => undefined,
    record: () => Promise.resolve({ lineage: [], consistent: true }),
    close: () => Promise.resolve(),
    reconfigure: (next: MirrorSettings) => {
      told.push(next);
      return answer();
    },
  } as unknown as MirrorController;
  return { told, controller };
}

function mirrorOf(controller: MirrorController, open: () => Promise<MirrorController>): ModuleMirror {
  const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
  const ignored = { onEvent: () => undefined, onReopened: () => undefined };
  return new ModuleMirror({ module: 'web', log, open, settings, content: true, ...ignored }, controller, null);
}

const neverOpened = () => Promise.reject(new Error('not asked for'));

it('tells its process what has changed in the file, and nothing when that is the same', () => {
  const { told, controller } = mirrorProcess();
  const mirror = mirrorOf(controller, neverOpened);
  mirror.reconfigure({ ...settings });
  expect(told).toEqual([]);
  mirror.reconfigure(slower);
  mirror.reconfigure({ ...slower });
  mirror.reconfigure(settings);
  expect(told).toEqual([slower, settings]);
});

it('tells a process that was being opened when the file changed, and says nothing of the one that is gone', async () => {
  const gone = mirrorProcess(() => Promise.reject(new MirrorError('process-gone', 'it has ended')));
  const next = mirrorProcess();
  let answer: (controller: MirrorController) => void = () => undefined;
  const mirror = mirrorOf(gone.controller, () => new Promise((resolve) => (answer = resolve)));
  mirror.noteGone();
  const opened = mirror.opened();
  // What was there before is closed first.
  await new Promise(setImmediate);
  mirror.reconfigure(slower);
  answer(next.controller);
  expect(await opened).toBe(next.controller);
  expect(next.told).toEqual([slower]);
  expect(existsSync(join(folder, 'log.jsonl'))).toBe(false);
});

it('says what to do when its process does not go by it', async () => {
  const { controller } = mirrorProcess(() => Promise.reject(new MirrorError('failed', 'it knows of no such thing')));
  mirrorOf(controller, neverOpened).reconfigure(slower);
  await new Promise(setImmediate);
  const logged = readFileSync(join(folder, 'log.jsonl'), 'utf8');
  expect(logged).toContain('MIRROR_NOT_CHANGED');
  expect(logged).toContain('restart the agent of this host');
});
