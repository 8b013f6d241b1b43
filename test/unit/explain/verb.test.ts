import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../../../agent/cli/exitCodes.ts';
import { runCommandLine } from '../../../agent/cli/program.ts';
import type { ExplainedModule } from '../../../schemas/explain.ts';
import { clusterText, moduleText } from '../../support/explained.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-explain-'));
  mkdirSync(join(folder, 'modules'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function understudy(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCommandLine(args, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    isInteractive: false,
    isTerminal: false,
    hasColour: false,
    ask: () => Promise.reject(new Error('nobody is there')),
    signal: new AbortController().signal,
    environment: {},
  });
  return { code, out, err };
}

describe('understudy explain', () => {
  it('finds the cluster file in the folder above the modules', async () => {
    write('site.cluster.jsonc', clusterText());
    const file = write('modules/web.module.jsonc', moduleText());
    const { code, out } = await understudy('explain', file, '--fault', 'arbiter-lost');
    expect(code).toBe(0);
    expect(out).toContain('the arbiter (gamma)');
    expect(out).not.toContain('No cluster file was found');
  });

  it('finds it among many files of other kinds', async () => {
    for (let number = 0; number < 1100; number += 1) write(`a${String(number)}.txt`, '');
    write('site.cluster.jsonc', clusterText());
    const file = write('web.module.jsonc', moduleText());
    const { out } = await understudy('explain', file, '--fault', 'arbiter-lost');
    expect(out).not.toContain('No cluster file was found');
  });

  it('writes nothing that a terminal would take for a command', async () => {
    const checks = [{ name: 'a\u001b[2Jb', tcp: { port: 80, host: '10.0.0.50' } }];
    const file = write('web.module.jsonc', moduleText({}, { checks }));
    const { code, out } = await understudy('explain', file, '--fault', 'check-fails');
    expect(code).toBe(0);
    expect(out).not.toContain('\u001b');
  });

  it('says of hooks and of what it depends on that times do not count them', async () => {
    write('db.module.jsonc', moduleText({}, { name: 'db', mirror: { directories: ['/srv/vm/db'] } }));
    const rest = { dependsOn: ['db'], hooks: { beforePrimary: ['/etc/web-before'], timeout: '45s' } };
    const { out } = await understudy('explain', write('web.module.jsonc', moduleText({}, rest)), '--fault', 'stop');
    expect(out).toContain('What it depends on (db) runs');
    expect(out).toContain('The hook beforePrimary ends well and at once; a start or stop waits for it up to 45s more.');
  });

  it('says what it assumes without one', async () => {
    const file = write('web.module.jsonc', moduleText());
    const { code, out } = await understudy('explain', file, '--fault', 'power-loss');
    expect(code).toBe(0);
    expect(out).toContain('No cluster file was found');
    expect(out).toContain('If alpha loses power, web starts on beta');
  });

  it('prints sentences and time lines as JSON', async () => {
    const cluster = write('other.cluster.jsonc', clusterText({ arbiter: 'none' }));
    const file = write('modules/web.module.jsonc', moduleText());
    const { code, out } = await understudy(
      'explain',
      file,
      cluster,
      '--fault',
      'power-loss',
      '--host',
      'beta',
      '--json',
    );
    expect(code).toBe(0);
    const { module, faults, assumptions } = JSON.parse(out) as ExplainedModule;
    expect(module).toBe('web');
    expect(assumptions.length).toBeGreaterThan(3);
    expect(faults.map(({ fault, host }) => [fault, host])).toEqual([['power-loss', 'beta']]);
    const [entry] = faults[0]?.timeline ?? [];
    expect(entry).toMatchObject({
      atMs: 0,
      host: 'alpha',
      state: 'PRIM',
      server: 'running',
      inSync: ['alpha', 'beta'],
    });
  });

  it('says that it does not play a detection time that nobody would wait for', async () => {
    const file = write('web.module.jsonc', moduleText({ detection: '1h' }));
    const { code, err } = await understudy('explain', file);
    expect(code).toBe(exitCodes.refused);
    expect(err).toContain('detection time of 1h');
  });

  it('shows what is wrong with a file instead', async () => {
    const file = write('web.module.jsonc', moduleText({ detection: '3 seconds' }));
    const { code, err } = await understudy('explain', file);
    expect(code).toBe(1);
    expect(err).toMatch(/web\.module\.jsonc:\d+:\d+: error: failover\.detection/);
    write('site.cluster.jsonc', clusterText());
    const stranger = write('db.module.jsonc', moduleText({}, { hosts: ['alpha', 'delta'] }));
    expect((await understudy('explain', stranger)).err).toContain('delta');
  });

  it('does not take a module of the same cluster for unknown, nor its errors for those of the file', async () => {
    write('site.cluster.jsonc', clusterText());
    write('modules/db.module.jsonc', moduleText({}, { name: 'db', mirror: { directories: ['/srv/vm/db'] } }));
    write('modules/broken.module.jsonc', '{ "name": ');
    const file = write('modules/web.module.jsonc', moduleText({}, { dependsOn: ['db'] }));
    expect((await understudy('explain', file, '--fault', 'stop')).code).toBe(0);
  });

  it('refuses what is no module, no fault, or no host', async () => {
    const file = write('web.module.jsonc', moduleText());
    expect((await understudy('explain', write('note.txt', ''))).code).toBe(2);
    expect((await understudy('explain', join(folder, 'none.module.jsonc'))).code).toBe(2);
    expect((await understudy('explain', write('site.cluster.jsonc', clusterText()))).code).toBe(2);
    expect((await understudy('explain', file, '--fault', 'earthquake')).code).toBe(2);
    const { code, err } = await understudy('explain', file, '--host', 'delta');
    expect(code).toBe(2);
    expect(err).toContain('its hosts are alpha and beta');
  });
});
