import type { Problem } from '../diagnostic.ts';
import type { ClusterFile, FenceDevice } from '../generated/cluster.ts';
import { nearest } from '../nearest.ts';
import { parseDuration } from '../units.ts';

const shortestMonitorMs = 10_000;
/** Names under which fence agents take what nobody else may know. */
const secretName = /(^|[_-])(passwd|password|secret|token|apikey|community)$|api[_-]key$/i;

/** Problems of fencing that the schema cannot express. */
export function* checkFence({ fence, hosts, arbiter }: ClusterFile): Iterable<Problem> {
  if (fence === undefined) return;
  if (arbiter === 'none') {
    yield {
      code: 'fence-without-arbiter',
      severity: 'warning',
      path: ['fence'],
      at: 'key',
      message:
        'without an arbiter hosts are fenced only before a take-over that a module risks by "withoutArbiter": fencing alone does not make one safe; expected an arbiter such as { "witness": HOST }',
      expected: 'an arbiter',
    };
  }
  const monitorMs = fence.monitor === undefined ? null : parseDuration(fence.monitor);
  if (monitorMs !== null && monitorMs !== 0 && monitorMs < shortestMonitorMs) {
    const expected = 'a time of "10s" or longer, or "0s" for never';
    yield {
      code: 'bad-duration',
      path: ['fence', 'monitor'],
      message: `looking at the devices every ${String(monitorMs)} ms is too often: expected ${expected}`,
      expected,
    };
  }
  const known = Object.keys(hosts);
  for (const [host, devices] of Object.entries(fence.hosts)) {
    if (!known.includes(host)) {
      const expected = `one of ${known.join(', ')}`;
      yield {
        code: 'unknown-host',
        path: ['fence', 'hosts', host],
        at: 'key',
        message: `the host "${host}" is not in this file: expected ${expected}`,
        expected,
        suggestion: nearest(host, known),
      };
    }
    for (const [index, device] of devices.entries()) yield* checkDevice(device, ['fence', 'hosts', host, index]);
  }
}

function* checkDevice(device: FenceDevice, path: readonly (string | number)[]): Iterable<Problem> {
  const { options = {}, secretFiles = {} } = device;
  for (const name of Object.keys(options)) {
    const at = { path: [...path, 'options', name], at: 'key' as const };
    if (name === 'action') {
      const expected = '"action" beside "options"';
      yield {
        code: 'fence-option',
        ...at,
        message: `the action is no option of the agent: expected ${expected}`,
        expected,
      };
    } else if (name in secretFiles) {
      const expected = 'one of the two';
      yield {
        code: 'fence-option',
        ...at,
        message: `"${name}" is in "options" and in "secretFiles": expected ${expected}`,
        expected,
      };
    } else if (secretName.test(name)) {
      const expected = `"secretFiles": { "${name}": FILE }`;
      yield {
        code: 'secret-in-clear',
        ...at,
        message: `"${name}" must not stand in the cluster file, which is on every host and in editors: expected ${expected}`,
        expected,
      };
    }
  }
  if ('action' in secretFiles) {
    const expected = '"action" beside "options"';
    const message = `the action is no secret: expected ${expected}`;
    yield { code: 'fence-option', path: [...path, 'secretFiles', 'action'], at: 'key', message, expected };
  }
}
