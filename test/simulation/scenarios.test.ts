import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModuleConfig, UnhealthyAction } from '../../agent/core/types.ts';
import { Random } from './random.ts';
import { World, type HostName } from './world.ts';

/**
 * Scenarios in plain text: what is done, then `---`, then what the core must say and show. `UNDERSTUDY_REWRITE=1 npm test` writes the second
 * half anew; read the difference before you commit it. A line `setting NAME VALUE` before all others is one of the module file's.
 */
const folder = join(import.meta.dirname, '..', 'scenarios');
const rewrite = process.env['UNDERSTUDY_REWRITE'] === '1';

function perform(world: World, line: string, note: (text: string) => void): void {
  const [verb = '', ...words] = line.split(/\s+/);
  const [first = '', second = '', third = ''] = words;
  const host = first as HostName;
  switch (verb) {
    case 'run':
      world.run(Number(first.replace(/s$/, '')) * 1000);
      return;
    case 'crash':
      world.crash(host);
      return;
    case 'boot':
      world.boot(host);
      return;
    case 'cut':
    case 'heal':
      world.setCut(host, second as HostName | 'gamma', verb === 'cut');
      return;
    case 'witness':
      world.arbiterUp = first === 'up';
      return;
    case 'pause':
      world.pause(host, Number(second.replace(/s$/, '')) * 1000);
      return;
    case 'image':
      world.imageMissing = first === 'missing';
      return;
    case 'guest-dies':
      world.guestDies(host);
      return;
    case 'check-fails':
      world.checkFails(host, second as UnhealthyAction);
      return;
    case 'condition':
      world.conditions(host, second === 'fails' ? 'condition ping 10.0.0.254 failed (no answer)' : null);
      return;
    case 'disk-fails':
      world.diskFails(host);
      return;
    case 'drain':
    case 'undrain':
      world.drain(host, verb === 'drain');
      return;
    case 'hinder':
      world.hinderFailback(host, words.slice(1).join(' ') || null);
      return;
    case 'maintenance':
      world.maintain(host, second === 'end' ? null : Number(second.replace(/s$/, '')) * 1000, third || null);
      return;
    case 'command':
      world.command(
        second as HostName,
        first as 'start' | 'stop' | 'switchover' | 'force' | 'resolve' | 'repair',
        (third || null) as HostName | null,
      );
      return;
    case 'show':
      note(`= ${world.describe()}`);
      return;
    default:
      throw new Error(`unknown line in a scenario: ${line}`);
  }
}

function play(script: string): string[] {
  const lines: string[] = [];
  const done = script.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const settings = done
    .filter((line) => line.startsWith('setting '))
    .map((line) => line.split(' ').slice(1))
    .map(([name, value = '']) => [name, /^(\d+|true|false)$/.test(value) ? (JSON.parse(value) as unknown) : value]);
  const world = new World({
    random: new Random(1),
    trace: (line) => lines.push(line.trimEnd()),
    config: Object.fromEntries(settings) as Partial<ModuleConfig>,
  });
  for (const line of done.slice(settings.length)) {
    lines.push(`> ${line}`);
    perform(world, line.trim(), (text) => lines.push(text));
    for (const outcome of world.outcomes.splice(0)) {
      lines.push(outcome.ok ? `= done: ${outcome.message}` : `= refused ${outcome.code}: ${outcome.reason}`);
    }
  }
  return lines;
}

describe('scenarios of the failover core', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const path = join(folder, file);
      const [script = '', golden = ''] = readFileSync(path, 'utf8').split(/^---\n/m);
      const played = play(script);
      if (rewrite) writeFileSync(path, `${script}---\n${played.join('\n')}\n`);
      else expect(played).toEqual(golden.trimEnd().split('\n'));
    });
  }
});
