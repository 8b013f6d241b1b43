import { describe, expect, it } from 'vitest';
import { initialState } from '../../agent/core/step.ts';
import type { ArbiterRecord, ModuleConfig, ModuleCoreState, Role, ServerPhase } from '../../agent/core/types.ts';
import type { ModuleResync } from '../../agent/runtime/moduleResync.ts';
import type { ModuleServer } from '../../agent/runtime/moduleServer.ts';
import { ModuleView, type ModuleStatus } from '../../agent/runtime/moduleView.ts';

const grant: ArbiterRecord = { epoch: 3, primary: 'beta', inSync: ['beta'], base: 2, cause: 'failover', proposal: 'p' };
const config = { module: 'web', self: 'beta', peer: 'alpha', hosts: ['alpha', 'beta'], detectionMs: 3000 };

function statusOf(role: Role, more: Partial<ModuleCoreState> = {}): ModuleStatus {
  const core = {
    ...initialState(
      config as unknown as ModuleConfig,
      { value: 'started', sequence: 1 },
      { lineage: [], consistent: true, content: true },
      0,
      'life',
    ),
    role,
    ...more,
  };
  return new ModuleView().status(
    core,
    { state: 'stopped', detail: null, startedAt: null } as unknown as ModuleServer,
    { shown: null, status: null, paused: null, undoLost: null } as unknown as ModuleResync,
    { status: null, progressed: null },
    { schedule: null, maintenance: null, failback: null },
    { checks: null, conditions: [], addresses: [] },
  );
}

const primary = (server: ServerPhase): Role => ({
  ...{ at: 'primary', cause: 'start', firstSign: 0, reported: true, leaving: null, leaseFrom: 0, knownAt: null },
  ...{ grant, promotedBy: grant, leavingBecause: '' },
  link: { kind: 'none', reason: null, retryAt: 0, lastSession: null, failures: 0 },
  server,
});

const fencing = (more: Partial<Extract<Role, { at: 'fencingPeer' }>>): Role => ({
  ...{ at: 'fencingPeer', cause: 'failover', firstSign: 0, grant, since: 0, failure: null, retryAt: 0 },
  ...{ isDone: false, isUnconfirmed: false },
  ...more,
});

describe('what is shown of a module on a host', () => {
  it('is a wait, and no transition, once the other host could not be fenced or the arbiter does not confirm', () => {
    expect(statusOf(fencing({}))).toMatchObject({ state: 'WAIT', transition: 'promoting', notFenced: null });
    const failed = statusOf(fencing({ failure: 'no answer' }));
    expect(failed).toMatchObject({ state: 'WAIT', transition: null, notFenced: 'no answer' });
    expect(failed.reason).toMatch(/alpha could not be fenced \(no answer\).*force-primary/);
    expect(statusOf(fencing({ isUnconfirmed: true }))).toMatchObject({ transition: null, notFenced: null });
    expect(statusOf(fencing({ failure: 'no answer', isDone: true }))).toMatchObject({
      ...{ transition: 'promoting', notFenced: null },
    });
  });

  it('tells why a server does not start, also while it is tried again', () => {
    const reason = 'address 10.0.0.50 is in use';
    const down = primary({ kind: 'down', restartAt: 0, reason, lasting: true });
    expect(statusOf(down, { lastingFailure: reason }).server.detail).toBe(reason);
    expect(statusOf(primary({ kind: 'starting' }), { lastingFailure: reason }).server.detail).toBe(reason);
    expect(statusOf(primary({ kind: 'starting' })).server.detail).toBeNull();
  });
});
