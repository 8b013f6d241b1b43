import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Probe } from '../../../agent/checks/probe.ts';
import { tcpProbe } from '../../../agent/checks/tcp.ts';
import { EventLog } from '../../../agent/runtime/eventLog.ts';
import { ModuleChecks } from '../../../agent/runtime/moduleChecks.ts';
import type { CheckStatus } from '../../../schemas/generated/api.ts';
import type { ResolvedCheck } from '../../../schemas/resolvedChecks.ts';

let folder: string;
let log: EventLog;
let checks: ModuleChecks | null;
let server: Server;
let port: number;
/** `action: reason` of each time that the core was told. */
let told: string[];
let waiting: (() => void)[];

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'us-checks-'));
  log = new EventLog(path.join(folder, 'log'), 'alpha', 'error');
  log.onEntries(() => changed());
  checks = null;
  told = [];
  waiting = [];
  server = createServer((socket) => socket.resume());
  port = await listen(0);
});
afterEach(async () => {
  await checks?.suspend();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function listen(wanted: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function changed(): void {
  for (const look of [...waiting]) look();
}

/** Resolves once it is true; looked at whenever something changes. */
function until(isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return;
      waiting = waiting.filter((each) => each !== look);
      resolve();
    };
    waiting.push(look);
    look();
  });
}

function make(change: Partial<ResolvedCheck> = {}, probe: Probe = tcpProbe({ host: '127.0.0.1', port })): ModuleChecks {
  const target = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const times = { everyMs: 20, timeoutMs: 20, failures: 3, startGraceMs: 0 };
  const check = { name: 'website', target, ...times, onFailure: 'restart', ...change } as const;
  checks = new ModuleChecks({
    module: 'web',
    checks: [{ check, probe }],
    log,
    unhealthy: (reason, action, isFirst) => {
      told.push(`${action}: ${reason}${isFirst ? '' : ' again'}`);
      changed();
    },
    onChange: changed,
  });
  return checks;
}

const stateOf = (from: ModuleChecks): CheckStatus['state'] | undefined => from.status?.[0]?.state;

it('looks while the server runs, tells the core of a failure again and again, and the log when it is over', async () => {
  const made = make();
  expect(made.status).toBeNull();
  made.serverIs('starting');
  expect(made.status).toBeNull();
  made.serverIs('running');
  await until(() => stateOf(made) === 'well');
  const before = made.status;
  expect(made.status).toBe(before);
  server.close();
  await until(() => told.length === 2);
  expect(told[0]).toMatch(/^restart: check website failed 3 times in 0\.\d s \(connection refused\)$/);
  expect(told[1]).toMatch(/ again$/);
  expect(made.status).toMatchObject([{ name: 'website', state: 'failed', error: 'connection refused' }]);
  await listen(port);
  await until(() => stateOf(made) === 'well');
  await until(() => log.read({ limit: 9 }).length > 0);
  expect(log.read({ limit: 9 })).toMatchObject([
    {
      code: 'CHECK_RECOVERED',
      message: expect.stringMatching(/^web: check website is well again after 0\.\d s$/) as string,
    },
  ]);
  made.serverIs('stopping');
  expect(made.status).toBeNull();
});

it('tells of what is only reported once', async () => {
  server.close();
  let looks = 0;
  const probe: Probe = async (signal) => {
    looks += 1;
    const found = await tcpProbe({ host: '127.0.0.1', port })(signal);
    setImmediate(changed);
    return found;
  };
  make({ onFailure: 'report', failures: 1 }, probe).serverIs('running');
  await until(() => looks > 5);
  expect(told).toEqual(['report: check website failed (connection refused)']);
});

it('grants a server that starts some time, and one that was taken over what is left of it', async () => {
  server.close();
  const made = make({ startGraceMs: 60_000, failures: 1 });
  made.serverIs('running');
  await until(() => made.status?.[0]?.error === 'connection refused');
  expect(stateOf(made)).toBe('starting');
  await made.suspend();
  made.serverIs('running');
  expect(made.status).toBeNull();
  made.resume('running', new Date(Date.now() - 61_000));
  await until(() => told.length > 0);
});

it('looks at a server as ever that was taken over after the clock on the wall had been set back', async () => {
  server.close();
  const made = make({ startGraceMs: 40, failures: 1 });
  await made.suspend();
  made.resume('running', new Date(Date.now() + 3_600_000));
  await until(() => told.length > 0);
});

it('takes a look that does not end for failed, and begins no other one beside it', async () => {
  let begun = 0;
  let end: (() => void) | null = null;
  const made = make({ failures: 1 }, () => {
    begun += 1;
    return begun > 1 ? Promise.resolve(null) : new Promise((resolve) => (end = () => resolve(null)));
  });
  made.serverIs('running');
  await until(() => told.length === 2);
  expect(told).toEqual([
    'restart: check website failed (no answer within 20ms)',
    'restart: check website failed (the look before this one has not ended yet) again',
  ]);
  expect(begun).toBe(1);
  // Nor does anything wait for it.
  await made.suspend();
  made.resume('running', null);
  await until(() => stateOf(made) === 'well');
  (end as (() => void) | null)?.();
});
