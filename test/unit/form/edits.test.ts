import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFormEdit } from '../../../schemas/form.ts';
import type { FormEdit, FormField } from '../../../schemas/form.ts';
import { applyChanges } from '../../../schemas/jsonEdits.ts';
import { formatPath, parsePath } from '../../../schemas/jsonText.ts';
import { changesOf } from '../../../extension/model/form/edits.ts';
import { allFields, clusterText, commentsOf, edited, field, form, kindOf, moduleText, valueIn } from './samples.ts';

describe('what is typed', () => {
  it('replaces the value and nothing else', () => {
    expect(edited(moduleText, 'type', 'failover.detection', '800ms')).toBe(moduleText.replace('"3s"', '"800ms"'));
    expect(edited(moduleText, 'type', 'checks[0].tcp.port', '8080')).toBe(moduleText.replace('80,', '8080,'));
    expect(edited(moduleText, 'type', 'hosts[1]', 'gamma')).toBe(moduleText.replace('"beta"', '"gamma"'));
  });

  it('adds a key in the order of the schema, with the section that it is in', () => {
    expect(edited(moduleText, 'type', 'failover.restarts', '1')).toBe(
      moduleText.replace('{ "detection": "3s" }', '{ "detection": "3s", "restarts": 1 }'),
    );
    const after = edited(moduleText, 'type', 'resync.bandwidth', '100MiB/s');
    expect(Object.keys(valueIn(after) as object)).toEqual([
      'name',
      'hosts',
      'mirror',
      'server',
      'checks',
      'failover',
      'resync',
    ]);
  });

  it('is a text where it is no number, and the validators tell of it', () => {
    expect(valueIn(edited('{}', 'type', 'priority', 'high'))).toEqual({ priority: 'high' });
    expect(valueIn(edited('{ "priority": "high" }', 'type', 'priority', ' 10 '))).toEqual({ priority: 10 });
    expect(valueIn(edited('{}', 'type', 'priority', '1e99'))).toEqual({ priority: '1e99' });
  });

  it('keeps the type of an option that may be of several', () => {
    const text = '{ "networks": {}, "fence": { "hosts": { "a": [{ "options": { "x": "1", "y": 1, "z": true } }] } } }';
    const at = 'fence.hosts.a[0].options';
    expect(edited(text, 'type', `${at}.x`, '2')).toContain('"x": "2"');
    expect(edited(text, 'type', `${at}.y`, '2')).toContain('"y": 2');
    expect(edited(text, 'type', `${at}.z`, 'false')).toContain('"z": false');
    expect(edited(text, 'type', `${at}.z`, 'maybe')).toContain('"z": "maybe"');
  });

  it('takes a key out when nothing is left of it, but not an entry, nor what has to be there', () => {
    expect(edited(moduleText, 'type', 'checks[0].every', '')).not.toContain('every');
    expect(edited(moduleText, 'type', 'hosts[0]', '')).toContain('["", "beta"]');
    expect(edited(moduleText, 'type', 'name', '')).toContain('"name": ""');
  });

  it('changes nothing when it is the same', () => {
    expect(edited(moduleText, 'type', 'name', 'web')).toBe(moduleText);
    expect(edited(moduleText, 'type', 'failover.restarts', '')).toBe(moduleText);
  });
});

describe('what is chosen', () => {
  it('is one of the choices', () => {
    expect(edited(moduleText, 'choose', 'server.qemu.disks[1].format', 'raw')).toBe(
      moduleText.replace('"format": "qcow2"', '"format": "raw"'),
    );
    expect(valueIn(edited('{}', 'choose', 'failover.automatic', 'false'))).toEqual({ failover: { automatic: false } });
    expect(() => edited(moduleText, 'choose', 'mirror.directIo', 'none')).toThrow('BAD_EDIT');
    expect(() => edited(moduleText, 'choose', 'failover.automatic', 'perhaps')).toThrow('BAD_EDIT');
  });

  it('is another kind, and what both have in common stays', () => {
    expect(edited(moduleText, 'vary', 'checks[0]', 'http')).toBe(
      moduleText.replace('"tcp": { "port": 80, "host": "10.0.0.50" }', '"http": {}'),
    );
    expect(edited(moduleText, 'vary', 'checks[0]', 'guestAgent')).toContain('{ "guestAgent": true, "every": "5s"');
    expect(edited(moduleText, 'vary', 'checks[0]', 'command')).toContain('{ "command": [""], "every": "5s"');
    expect(valueIn(edited('{}', 'vary', 'server', 'scripts'))).toEqual({ server: { scripts: {} } });
    const two = '{ "checks": [{ "tcp": {}, "ping": {}, "every": "1s" }] }';
    expect(edited(two, 'vary', 'checks[0]', 'ping')).toBe('{ "checks": [{ "ping": {}, "every": "1s" }] }');
  });

  it('is a section, a word, one value or a list', () => {
    expect(edited(clusterText, 'vary', 'arbiter', 'none')).toBe(
      clusterText.replace('{ "witness": "gamma" }', '"none"'),
    );
    expect(edited(clusterText, 'vary', 'arbiter', 'etcd')).toBe(
      clusterText.replace('"witness": "gamma"', '"etcd": [""]'),
    );
    const listed = edited(clusterText, 'vary', 'arbiter.witness', 'a list');
    expect(listed).toBe(clusterText.replace('"witness": "gamma"', '"witness": ["gamma"]'));
    expect(edited(listed, 'vary', 'arbiter.witness', 'one value')).toBe(clusterText);
    const without = edited(clusterText, 'vary', 'arbiter', 'none');
    expect(valueIn(edited(without, 'vary', 'arbiter', 'witness'))).toMatchObject({ arbiter: { witness: '' } });
  });
});

describe('entries', () => {
  it('are added with nothing that nobody has meant', () => {
    expect(edited(moduleText, 'add', 'checks')).toContain('"every": "5s" /* often */ }, {}]');
    expect(edited(moduleText, 'add', 'server.qemu.disks')).toContain(
      '{ "file": "data.qcow2", "format": "qcow2" }, // data\n        {}\n',
    );
    expect(valueIn(edited('{}', 'add', 'dependsOn'))).toEqual({ dependsOn: [''] });
    expect(valueIn(edited(clusterText, 'add', 'hosts', 'delta'))).toMatchObject({ hosts: { delta: {} } });
  });

  it('need room, and a name of their own', () => {
    expect(() => edited(moduleText, 'add', 'hosts')).toThrow('no room');
    expect(() => edited(clusterText, 'add', 'hosts', 'alpha')).toThrow('"alpha" already');
    expect(() => edited(clusterText, 'add', 'hosts', ' ')).toThrow('Type a name');
    expect(() => edited(clusterText, 'rename', 'hosts.alpha', 'beta')).toThrow('"beta" already');
    expect(() => edited(moduleText, 'add', 'name', 'x')).toThrow('BAD_EDIT');
  });

  it('are renamed where they stand', () => {
    expect(edited(clusterText, 'rename', 'hosts.gamma', 'delta')).toBe(clusterText.replace('"gamma": {', '"delta": {'));
  });

  it('move with the comments on their lines', () => {
    const moved = edited(moduleText, 'down', 'server.qemu.disks[0]');
    expect(moved).toBe(
      moduleText.replace(
        /\/\/ system\n.*\n.*\/\/ data/,
        '{ "file": "data.qcow2", "format": "qcow2" }, // data\n        // system\n        { "file": "disk.raw" }',
      ),
    );
    expect(edited(moved, 'up', 'server.qemu.disks[1]')).toBe(moduleText);
    expect(edited(moduleText, 'up', 'hosts[1]')).toBe(moduleText.replace('"alpha", "beta"', '"beta", "alpha"'));
    expect(edited(moduleText, 'up', 'hosts[0]')).toBe(moduleText);
    const tight = '{ "hosts": [\n  "a", // one\n  "b"]\n}';
    expect(valueIn(edited(tight, 'down', 'hosts[0]'))).toEqual({ hosts: ['b', 'a'] });
    expect(commentsOf(edited(tight, 'down', 'hosts[0]'))).toEqual(['// one']);
  });
});

describe('what is taken out', () => {
  it('takes along the section that nothing is left of', () => {
    const after = edited(moduleText, 'remove', 'failover.detection');
    expect(valueIn(after)).not.toHaveProperty('failover');
    expect(commentsOf(after)).toEqual(commentsOf(moduleText));
    expect(valueIn(edited('{ "dependsOn": ["db"] }', 'remove', 'dependsOn[0]'))).toEqual({});
  });

  it('leaves a section with a comment, an entry with a name, and what has to be there', () => {
    const text = '{ "failover": { /* as agreed */ "detection": "3s" } }';
    expect(edited(text, 'remove', 'failover.detection')).toContain('/* as agreed */');
    expect(valueIn(edited(clusterText, 'remove', 'networks.link.replication'))).toMatchObject({
      networks: { link: {} },
    });
    expect(() => edited(moduleText, 'remove', 'name')).toThrow('BAD_EDIT');
    expect(() => edited(moduleText, 'remove', 'mirror')).toThrow('BAD_EDIT');
  });

  it('may be what the schema does not know; what else is not known stays', () => {
    const text = '{ "name": "web", "nam": 1, "other": { "x": 1 } }';
    expect(edited(text, 'remove', 'nam')).toBe('{ "name": "web", "other": { "x": 1 } }');
    expect(edited(text, 'type', 'name', 'db')).toBe('{ "name": "db", "nam": 1, "other": { "x": 1 } }');
    expect(() => edited(text, 'type', 'other.x', '2')).toThrow('no such field');
  });
});

describe('an edit', () => {
  const typed = { action: 'type', path: ['name'], text: 'db' } as const;

  it('of an earlier version is refused', () => {
    const document = { kind: 'module', version: 8, text: moduleText } as const;
    expect(changesOf(document, { version: 7, edit: typed })).toMatchObject({ refusal: 'STALE' });
    expect(changesOf(document, { version: 8, edit: typed })).not.toHaveProperty('refusal');
  });

  it.each(['{ "name": ', '', '{ "name": "web" "x" }', '[', '{ "a": 1 } x'])(
    'of a text that cannot be read is refused: %s',
    (text) => {
      const outcome = changesOf({ kind: 'module', version: 1, text }, { version: 1, edit: typed });
      expect(outcome).toMatchObject({ refusal: 'LOCKED' });
    },
  );

  it.each([
    undefined,
    null,
    {},
    { version: 1 },
    { version: 1.5, edit: typed },
    { version: 1, edit: { ...typed, action: 'eval' } },
    { version: 1, edit: { ...typed, path: 'name' } },
    { version: 1, edit: { ...typed, path: [-1] } },
    { version: 1, edit: { ...typed, path: [{}] } },
    { version: 1, edit: { ...typed, path: Array.from({ length: 101 }, () => 'a') } },
    { version: 1, edit: { ...typed, text: 5 } },
    { version: 1, edit: { ...typed, text: 'x'.repeat(10_001) } },
    { version: 1, edit: { ...typed, action: 'remove' } },
  ])('is not read from %j', (params) => {
    expect(readFormEdit(params)).toBeNull();
  });

  it('is read from what the page sends', () => {
    expect(readFormEdit({ version: 3, edit: typed })).toEqual({ version: 3, edit: typed });
  });
});

const texts = [
  moduleText,
  clusterText,
  '{}',
  '{\n}\n',
  '{ "name": "web", "failover": {}, /* so far */ }',
  moduleText.replaceAll('\n', '\r\n'),
  moduleText.replaceAll(/^ +/gm, (blanks) => '\t'.repeat(blanks.length / 2)),
];

/** What a person could set a field to. */
function somethingFor({ kind, choices }: FormField): readonly [FormEdit['action'], readonly string[]] | null {
  switch (kind) {
    case 'text':
      return ['type', ['x', '10.0.0.1', '/srv', '"\\', '// no comment', '*/', 'ä 🙂']];
    case 'duration':
      return ['type', ['5s', '10m', 'soon']];
    case 'size':
      return ['type', ['2GiB', '512MiB']];
    case 'rate':
      return ['type', ['10MiB/s', 'fast']];
    case 'number':
      return ['type', ['1', '80', '0.5', 'x']];
    case 'boolean':
      return ['choose', ['true', 'false']];
    case 'choice':
      return ['choose', choices];
    default:
      return null;
  }
}

/** Without what says nothing: empty sections and lists that need not be there. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]) => [key, pruned(each)] as const)
      .filter(([key, each]) => {
        const isEmpty = typeof each === 'object' && each !== null && Object.keys(each).length === 0;
        return !isEmpty || key === 'lan';
      }),
  );
}

describe('whatever is set and taken out again', () => {
  it('leaves the text as it was, or one that means the same with all comments', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.nat(), (text, which, what) => {
        const unset = allFields(form(text)).filter((each) => !each.isSet && somethingFor(each) !== null);
        const chosen = unset[which % unset.length];
        const [action, values] = (chosen === undefined ? null : somethingFor(chosen)) ?? ['type', []];
        const value = values[what % values.length];
        if (chosen === undefined || value === undefined) return;
        const set = edited(text, action, chosen.id, value);
        expect(field(set, chosen.id)).toMatchObject({ isSet: true, text: value });
        expect(commentsOf(set)).toEqual(commentsOf(text));
        // What has to be there is not offered to be taken out.
        if (chosen.isRequired) return;
        const after = edited(set, 'remove', chosen.id);
        if (after === text) return;
        expect(pruned(valueIn(after))).toEqual(pruned(valueIn(text)));
        expect(commentsOf(after)).toEqual(commentsOf(text));
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('is the same text again when a value is changed and changed back', () => {
    for (const text of texts) {
      for (const each of allFields(form(text))) {
        const something = each.isSet ? somethingFor(each) : null;
        if (something === null) continue;
        const [action, values] = something;
        for (const value of values) {
          const changed = edited(text, action, each.id, value);
          expect(edited(changed, action, each.id, each.text)).toBe(text);
        }
      }
    }
  });
});

describe('whatever a page asks for', () => {
  const actions = ['type', 'choose', 'vary', 'add', 'rename', 'remove', 'up', 'down'] as const;

  it('leaves a text that can be read, or changes nothing', () => {
    const path = fc.array(
      fc.oneof(fc.constantFrom('name', 'hosts', 'checks', 'server', 'failover', '__proto__'), fc.nat(3)),
      {
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.option(path, { freq: 3 }),
        fc.constantFrom(...actions),
        fc.oneof(fc.constantFrom('', 'a', 'true', 'qemu', 'none', 'a list', 'raw'), fc.string()),
        (text, which, anywhere, action, typed) => {
          const fields = allFields(form(text));
          const at = anywhere ?? fields[which % fields.length]?.path ?? [];
          const edit = { action, path: at, text: typed } as FormEdit;
          const outcome = changesOf({ kind: kindOf(text), version: 1, text }, { version: 1, edit });
          if ('refusal' in outcome) return;
          const after = applyChanges(text, outcome.changes);
          valueIn(after);
          if (action !== 'vary' && action !== 'remove' && !(action === 'type' && typed.trim() === '')) {
            expect(commentsOf(after).toSorted(), `${action} ${formatPath(at)}`).toEqual(commentsOf(text).toSorted());
          }
          expect(parsePath(formatPath(at))).toEqual(at);
        },
      ),
      { seed: 12, numRuns: 600 },
    );
  });
});
