/** Problems of the checks of a module's server, and of its conditions to be primary, that its schema cannot express. */
import type { ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import type { CheckSection, ConditionSection, ModuleFile } from '../generated/module.ts';
import type { PathSegment } from '../jsonText.ts';
import { checkKinds, type CheckTarget, conditionKinds, kindsOf, type ResolvedCondition } from '../resolvedChecks.ts';
import { formatDuration } from '../units.ts';

type Path = readonly PathSegment[];

/** @param file the module as written: tells what is set and what is a default. */
export function* checkServerChecks(module: ResolvedModule, file: ModuleFile): Iterable<Problem> {
  yield* checkList('check', { sections: file.checks ?? [], resolved: module.checks, kinds: checkKinds }, ['checks'], {
    *more(check, path) {
      yield* checkTarget(check.target, module.server.kind, path);
      if (check.onFailure !== 'failover' || module.failover.automatic) return;
      const expected = '"restart", or failover.automatic';
      const message = `automatic failover is off, so the server is restarted instead: expected ${expected}`;
      yield { ...bad([...path, 'onFailure'], message, expected), severity: 'warning' };
    },
  });
  const { conditions } = module.failover;
  const written = file.failover?.conditions ?? [];
  const list = { sections: written, resolved: conditions, kinds: conditionKinds };
  yield* checkList('condition', list, ['failover', 'conditions'], {
    *more({ target }, path) {
      if (target.kind === 'tcp' && target.host === null) {
        const found = 'the key "host" is missing: a condition is about something that both hosts could reach';
        yield bad([...path, 'tcp'], found, 'the key "host"');
      } else if (target.kind === 'http') yield* checkHttp(target, [...path, 'http']);
    },
  });
  if (module.failover.automatic || written.length === 0) return;
  const expected = 'failover.automatic, or no conditions';
  const message = `automatic failover is off, so conditions only decide who starts first: expected ${expected}`;
  yield { ...bad(['failover', 'conditions'], message, expected), severity: 'warning' };
}

interface CheckList<Resolved> {
  readonly sections: readonly (CheckSection | ConditionSection)[];
  /** Without those that have no kind. */
  readonly resolved: readonly Resolved[];
  readonly kinds: readonly string[];
}

function* checkList<Resolved extends ResolvedCondition>(
  what: string,
  list: CheckList<Resolved>,
  at: Path,
  { more }: { readonly more: (check: Resolved, path: Path) => Iterable<Problem> },
): Iterable<Problem> {
  const resolved = [...list.resolved];
  const seen = new Set<string>();
  for (const [index, section] of list.sections.entries()) {
    const path = [...at, index];
    const kinds = kindsOf(section);
    const check = kinds.length === 0 ? undefined : resolved.shift();
    if (kinds.length !== 1 || check === undefined) {
      const expected = `exactly one of ${list.kinds.join(', ')}`;
      const found = kinds.length === 0 ? 'none' : kinds.join(' and ');
      yield bad(path, `a ${what} is of one kind, found ${found}: expected ${expected}`, expected);
      continue;
    }
    yield* checkTimes(check, path);
    yield* more(check, path);
    if (seen.has(check.name)) {
      const expected = 'another "name" for one of them';
      const named = section.name === undefined ? path : [...path, 'name'];
      const message = `another ${what} of this module is called "${check.name}" already: expected ${expected}`;
      yield { code: 'duplicate-name', path: named, message, expected };
    }
    seen.add(check.name);
  }
}

function bad(path: Path, message: string, expected: string): Problem {
  return { code: 'bad-check', path, message, expected };
}

function* checkTimes(check: ResolvedCondition, path: Path): Iterable<Problem> {
  if (check.timeoutMs <= check.everyMs) return;
  const expected = `at most as long as every (${formatDuration(check.everyMs)})`;
  const message = `a look may take ${formatDuration(check.timeoutMs)}, so that the next one would be due before: expected ${expected}`;
  yield { code: 'bad-duration', path: [...path, 'timeout'], message, expected };
}

function* checkTarget(target: CheckTarget, server: 'qemu' | 'scripts', path: Path): Iterable<Problem> {
  const at = [...path, target.kind];
  switch (target.kind) {
    case 'tcp':
      if (target.host !== null) return;
      yield bad(
        at,
        'the key "host" is missing: a virtual machine answers by an address of its own, which the agent does not know',
        'the key "host"',
      );
      return;
    case 'process':
      if (server === 'scripts') return;
      yield bad(
        at,
        'the processes of a virtual machine are not seen from its host, and QEMU itself is watched anyway: expected another kind of check',
        'tcp, http, ping or command',
      );
      return;
    case 'guestAgent':
      if (server === 'qemu') return;
      yield bad(
        at,
        'there is a guest agent only in a virtual machine that QEMU runs: expected another kind of check',
        'tcp, http, ping, command or process',
      );
      return;
    case 'http':
      yield* checkHttp(target, at);
      return;
    case 'ping':
    case 'command':
      return;
  }
}

function* checkHttp(target: Extract<CheckTarget, { kind: 'http' }>, at: Path): Iterable<Problem> {
  const port = /^https?:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(target.url)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    const expected = 'a port from 1 to 65535';
    yield bad([...at, 'url'], `"${target.url}" cannot be asked for: expected ${expected}`, expected);
  }
  const [first, last] = target.status;
  if (first > last) {
    const expected = `"${last}-${first}"`;
    yield bad([...at, 'status'], `no status is from ${first} to ${last}: expected ${expected}`, expected);
  }
  if (target.url.startsWith('https:')) return;
  for (const [key, isSet] of [
    ['verify', !target.verify],
    ['ca', target.ca !== null],
  ] as const) {
    if (!isSet) continue;
    yield bad([...at, key], `"${key}" is about certificates, and ${target.url} has none: expected https`, 'https');
  }
}
