import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleMirror } from '../../agent/runtime/moduleMirror.ts';
import type { ModuleServer } from '../../agent/runtime/moduleServer.ts';
import { ScriptsServer } from '../../agent/server/scripts/scriptsServer.ts';
import { Pair } from './pairHarness.ts';

const isRoot = process.getuid?.() === 0;
const never = new AbortController().signal;

describe.skipIf(!isRoot)('a server whose scripts lie in its mirror', () => {
  let pair: Pair;
  afterEach(() => pair.remove());

  it('is ended while the mirror is frozen, and the agent has its turn meanwhile', async () => {
    pair = await new Pair().open();
    const { alpha } = pair;
    await pair.serve(alpha);
    const stopped = path.join(alpha.base, 'stopped');
    for (const [name, body] of Object.entries({ start: 'exit 0', stop: `echo stopped >> ${stopped}` })) {
      fs.writeFileSync(path.join(alpha.directory, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    const scripts = new ScriptsServer({
      ...{ module: 'web', host: 'alpha', directory: alpha.directory, environment: () => ({}), log: () => undefined },
      config: {
        ...{ kind: 'scripts', start: ['start'], stop: ['stop'], check: null, checkIntervalMs: 1000, timeoutMs: 10_000 },
      },
    });
    await scripts.start({ module: 'web', host: 'alpha', epoch: pair.epoch }, never);
    const mirror = new ModuleMirror(
      {
        module: 'web',
        log: new EventLog(path.join(alpha.base, 'log.jsonl'), 'alpha', 'error'),
        open: () => Promise.reject(new Error('the process of the mirror has ended')),
        settings: alpha.options,
        content: true,
        onEvent: () => undefined,
        onReopened: () => undefined,
      },
      alpha.mirror,
      null,
    );
    const server = {
      giveUpStart: () => undefined,
      kill: () =>
        scripts.kill().then(
          () => null,
          (error: unknown) => error,
        ),
      noteKilled: () => undefined,
    };
    let longestMs = 0;
    let isOver = false;
    const turns = async (): Promise<void> => {
      while (!isOver) {
        const before = performance.now();
        await delay(5);
        longestMs = Math.max(longestMs, performance.now() - before);
      }
    };
    const watched = turns();
    const began = performance.now();
    await mirror.fence(server as unknown as ModuleServer);
    isOver = true;
    await watched;
    expect(performance.now() - began).toBeLessThan(5000);
    expect(longestMs).toBeLessThan(250);
    expect(scripts.state()).toBe('stopped');
    expect(fs.readFileSync(stopped, 'utf8')).toBe('stopped\n');
  });
});
