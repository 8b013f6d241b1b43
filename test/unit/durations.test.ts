import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { parseDocument } from '../../schemas/document.ts';
import type { AnyDocument, DocumentKind } from '../../schemas/document.ts';
import { isSchema, resolveSchema, schemaOf } from '../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../schemas/schemaNodes.ts';
import { rangesOf } from '../../schemas/schemaWords.ts';

type Keys = Readonly<Record<string, unknown>>;

const bases: Readonly<Record<DocumentKind, Keys>> = {
  module: {
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: ['/srv/web'] },
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
  },
  cluster: {
    name: 'site',
    networks: { lan: {} },
    hosts: { alpha: { lan: '10.77.0.1' }, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } },
    arbiter: { witness: 'gamma' },
  },
  agent: { host: 'alpha' },
};
const fence = (more: Keys, device: Keys = {}): Keys => ({
  fence: { ...more, hosts: { alpha: [{ agent: 'fence_ipmilan', ...device }] } },
});
const qemu = (more: Keys): Keys => ({ server: { qemu: { memory: '1GiB', disks: [{ file: 'a' }], ...more } } });
const scripts = (more: Keys): Keys => ({ server: { scripts: { start: ['/s'], stop: ['/t'], ...more } } });
const check = { ping: { host: 'a' } };

/** What a file that says this is told, by itself. */
function told(kind: DocumentKind, change: Keys): string[] {
  const text = JSON.stringify({ ...bases[kind], ...change });
  const document = parseDocument(kind, text, `x.${kind}.jsonc`) as AnyDocument;
  return [...document.diagnostics, ...crossChecks([document])].map(
    ({ code, path, message }) => `${code} ${path}: ${message}`,
  );
}

/** The keys of a schema that hold durations. */
function* durationsIn(node: unknown, root: SchemaJson, name = ''): Iterable<readonly [string, SchemaJson]> {
  if (Array.isArray(node)) for (const each of node as unknown[]) yield* durationsIn(each, root, name);
  if (!isSchema(node)) return;
  if (isSchema(node['properties'])) {
    for (const [key, child] of Object.entries(node['properties'])) {
      if (!isSchema(child)) continue;
      const schema = resolveSchema(child, root);
      if (schema['unit'] === 'duration') yield [`${name}.${key}`, schema];
    }
  }
  for (const [key, child] of Object.entries(node)) yield* durationsIn(child, root, key);
}

describe('durations', () => {
  it.each<[DocumentKind, string, string, (value: string) => Keys]>([
    ['module', 'dependencyTimeout', '30d', (value) => ({ dependencyTimeout: value })],
    [
      'module',
      'mirror.acknowledgeTimeout',
      '1h',
      (value) => ({ mirror: { directories: ['/a'], acknowledgeTimeout: value } }),
    ],
    ['module', 'server.qemu.shutdownTimeout', '1d', (value) => qemu({ shutdownTimeout: value })],
    ['module', 'server.qemu.startTimeout', '1d', (value) => qemu({ startTimeout: value })],
    ['module', 'server.scripts.checkInterval', '1d', (value) => scripts({ checkInterval: value })],
    ['module', 'server.scripts.timeout', '1d', (value) => scripts({ timeout: value })],
    ['module', 'hooks.timeout', '1d', (value) => ({ hooks: { timeout: value } })],
    ['module', 'failover.detection', '1h', (value) => ({ failover: { detection: value } })],
    ['module', 'failover.restartPeriod', '30d', (value) => ({ failover: { restartPeriod: value } })],
    ['module', 'failover.failoverPeriod', '30d', (value) => ({ failover: { failoverPeriod: value } })],
    ['module', 'failover.failbackAfter', '30d', (value) => ({ failover: { failbackAfter: value } })],
    ['module', 'checks[0].every', '1d', (value) => ({ checks: [{ ...check, every: value }] })],
    ['module', 'checks[0].timeout', '1d', (value) => ({ checks: [{ ...check, every: '1d', timeout: value }] })],
    ['module', 'checks[0].startGrace', '1d', (value) => ({ checks: [{ ...check, startGrace: value }] })],
    [
      'module',
      'failover.conditions[0].every',
      '1d',
      (value) => ({ failover: { conditions: [{ ...check, every: value }] } }),
    ],
    [
      'module',
      'failover.conditions[0].timeout',
      '1d',
      (value) => ({ failover: { conditions: [{ ...check, every: '1d', timeout: value }] } }),
    ],
    ['cluster', 'heartbeat', '1m', (value) => ({ heartbeat: value })],
    ['cluster', 'fence.monitor', '7d', (value) => fence({ monitor: value })],
    ['cluster', 'fence.hosts.alpha[0].timeout', '10m', (value) => fence({}, { timeout: value })],
    ['agent', 'watchdogTimeout', '5m', (value) => ({ watchdogTimeout: value })],
  ])('of %s files: %s is at most %s', (kind, path, longest, change) => {
    expect(told(kind, change(longest))).toEqual([]);
    for (const value of ['31d', '999999999d']) {
      const [first, ...more] = told(kind, change(value));
      expect(first).toMatch(`bad-duration ${path}: "${value}" is out of range: expected`);
      expect(first).toContain(`"${longest}"`);
      // A look that takes longer than the time to the next one is told of besides.
      expect(more.filter((text) => !text.includes('at most as long as every'))).toEqual([]);
    }
  });

  it('have a range, which hover and reference tell, within what a timer of Node can count', () => {
    const found = Object.values(schemaOf).flatMap((schema) => [...durationsIn(schema, schema)]);
    expect(found.length).toBeGreaterThanOrEqual(20);
    const longestTimerMs = 2 ** 31 - 1;
    // Counted by the clock, not by a timer.
    const counted = ['.dependencyTimeout', '.restartPeriod', '.failoverPeriod', '.failbackAfter'];
    for (const [name, schema] of found) {
      const { maximum } = schema;
      expect(maximum, name).toEqual(expect.any(Number));
      if (!counted.some((each) => name.endsWith(each))) expect(maximum, name).toBeLessThan(longestTimerMs / 2);
      expect(rangesOf(schema).join(' '), name).toMatch(
        /^(From \d+m?s to|At most|Longer than zero, up to) \d+[smhd]\.$/,
      );
    }
  });

  it('have the same range in the reference', async () => {
    const pages = await Promise.all(
      Object.keys(schemaOf).map((kind) =>
        readFile(resolve(import.meta.dirname, `../../docs/reference/${kind}.md`), 'utf8'),
      ),
    );
    const ranges = pages.flatMap((page) =>
      [...page.matchAll(/^- Unit: duration\n- Range: (.*)$/gm)].map(([, range]) => range),
    );
    const found = Object.values(schemaOf).flatMap((schema) => [...durationsIn(schema, schema)]);
    const told = found.map(([, schema]) =>
      rangesOf(schema)
        .join('')
        .toLowerCase()
        .replace(/^from |\.$/g, ''),
    );
    expect(ranges.map((range) => range?.replaceAll(/[`"]/g, '')).sort()).toEqual(told.sort());
  });

  it('that are too short are told of with what is expected', () => {
    expect(told('module', scripts({ timeout: '0s' }))).toEqual([
      'bad-duration server.scripts.timeout: "0s" is out of range: expected a duration longer than zero, at most "1d"',
    ]);
    expect(told('cluster', { heartbeat: '19ms' })).toEqual([
      'bad-duration heartbeat: "19ms" is out of range: expected a duration from "20ms" to "1m"',
    ]);
    expect(told('module', { failover: { restartPeriod: '31d' } })).toEqual([
      'bad-duration failover.restartPeriod: "31d" is out of range: expected a duration of at most "30d"',
    ]);
  });

  it('for detection that are too short are told of without a cluster file', () => {
    expect(told('module', { failover: { detection: '0s' } })).toEqual([
      expect.stringMatching(/^detection-too-short failover\.detection: .*expected at least 400ms$/),
    ]);
  });
});
