import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MirrorController } from '../../agent/mirror/controller.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleMirror } from '../../agent/runtime/moduleMirror.ts';
import type { ModuleServer } from '../../agent/runtime/moduleServer.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'us-fence-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What a fence does, in its order, and what of it at once. @param freeze what the mirror process answers to a freeze */
async function fence(freeze: () => Promise<void>): Promise<{ order: string[]; atOnce: string[] }> {
  const order: string[] = [];
  const said = (what: string) => Promise.resolve(void order.push(what));
  const controller = {
    events: () => undefined,
    freeze: () => (order.push('freeze'), freeze()),
    abort: () => said('abort'),
  } as unknown as MirrorController;
  const mirror = new ModuleMirror(
    {
      module: 'web',
      log: new EventLog(join(directory, 'events.log'), 'alpha', 'error'),
      open: () => Promise.reject(new Error('not asked for')),
      settings: { acknowledgeTimeoutMs: 1000, directIo: 'cache', processors: 'awake', resyncUndo: null },
      content: true,
      onEvent: () => undefined,
      onReopened: () => undefined,
    },
    controller,
    null,
  );
  const server = {
    giveUpStart: () => order.push('give up'),
    kill: () => {
      order.push('kill');
      return Promise.resolve(null);
    },
    noteKilled: () => order.push('killed'),
  } as unknown as ModuleServer;
  const fenced = mirror.fence(server);
  const atOnce = [...order];
  await fenced;
  return { order, atOnce };
}

it('kills the server at once although the mirror process does not answer, and only then fails its writes', async () => {
  const { order, atOnce } = await fence(() => new Promise(() => undefined));
  expect(order).toEqual(['give up', 'freeze', 'kill', 'abort', 'killed']);
  // The detection time may be 400 ms: the kill is decided at 240, and the other host may start its server at 475.
  expect(atOnce).toEqual(['give up', 'freeze', 'kill']);
});

it('kills the server although its mirror process has ended', async () => {
  const { order } = await fence(() => Promise.reject(new Error('the mirror process ended')));
  expect(order).toEqual(['give up', 'freeze', 'kill', 'abort', 'killed']);
});
