import type { ModuleConfig, RoleState, UnhealthyAction } from '../../agent/core/types.ts';
import type { Coverage } from './coverage.ts';
import type { Network } from './network.ts';
import { Random } from './random.ts';
import { World, type HostName } from './world.ts';

const seconds = (word: string): number => Number(word.replace(/s$/, '')) * 1000;

function perform(world: World, line: string, note: (text: string) => void): void {
  const [verb = '', ...words] = line.split(/\s+/);
  const [first = '', second = '', third = ''] = words;
  const host = first as HostName;
  switch (verb) {
    case 'run':
      world.run(seconds(first));
      return;
    case 'when': {
      // `when HOST STATE ANOTHER LINE`
      const then = words.slice(2).join(' ');
      world.driver.lieInWait(world.hosts[host], second as RoleState, 0, () => perform(world, then, note));
      return;
    }
    case 'after':
      // `after SECONDS ANOTHER LINE`
      world.later(seconds(first), () => perform(world, words.slice(1).join(' '), note));
      return;
    case 'crash':
      world.crash(host);
      return;
    case 'boot':
      world.boot(host);
      return;
    case 'cut':
    case 'heal':
      world.setCut(host, second as HostName | 'gamma', verb === 'cut', third ? { network: third as Network } : {});
      return;
    case 'cut-one-way':
    case 'heal-one-way':
      world.setCut(host, second as HostName | 'gamma', verb === 'cut-one-way', { oneWay: true });
      return;
    case 'witness':
      witness(world, first);
      return;
    case 'pause':
      world.pause(host, seconds(second));
      return;
    case 'image':
      world.driver.imageMissing = first === 'missing';
      return;
    case 'guest-dies':
      world.guestDies(host);
      return;
    case 'check-fails':
      world.checkFails(host, second as UnhealthyAction, third !== 'again');
      return;
    case 'condition':
      world.conditions(host, second === 'fails' ? 'condition ping 10.0.0.254 failed (no answer)' : null);
      return;
    case 'other-modules':
      // `other-modules HOST barred|waitsFor|avoids WHY`, `other-modules HOST nothing`
      world.place(host, second === 'nothing' ? {} : { [second]: words.slice(2).join(' ') });
      return;
    case 'drain':
    case 'undrain':
      world.operators.drain(host, verb === 'drain');
      return;
    case 'hinder':
      world.operators.hinderFailback(host, words.slice(1).join(' ') || null);
      return;
    case 'maintenance':
      world.operators.maintain(host, second === 'end' ? null : seconds(second), third || null);
      return;
    case 'mirror-dies':
      world.mirrorDies(host);
      return;
    case 'clock':
      world.setClockRate(host, Number(second));
      return;
    case 'wall-clock':
      world.setWallClock(host, seconds(second));
      return;
    case 'detection':
      // `detection HOST MILLISECONDS`: what the file says there, for the next program of the agent.
      world.setDetection(host, Number(second));
      return;
    case 'agent-dies':
      world.agentDies(host);
      return;
    case 'disk-fails':
      world.diskFails(host);
      return;
    case 'disk-refuses':
      world.diskRefuses(host, seconds(second));
      return;
    case 'disk-replaced':
      world.replaceDisk(host, false);
      return;
    case 'disk-emptied':
      // Of a host that is off.
      world.hosts[host].disk.replace(null);
      return;
    case 'machine-replaced':
      // By one that has never run the module.
      world.hosts[host].disk.replace(null);
      world.arbiter.losesRecord(host);
      return;
    case 'disk-full':
      world.setDiskFull(host, second === 'yes');
      return;
    case 'guests':
      world.setIdle(first === 'idle');
      return;
    case 'resync-takes':
      world.mirror.resyncTakesMs = seconds(first);
      return;
    case 'release-takes':
      world.mirror.releaseTakesMs = seconds(first);
      return;
    case 'slow-stops':
      world.driver.slowStops = 1;
      return;
    case 'upgrade':
      world.upgrade(host, seconds(second));
      return;
    case 'fence-peer':
      for (const name of ['alpha', 'beta'] as const) {
        world.changeFiles(name, { fencePeer: first as ModuleConfig['fencePeer'] });
      }
      return;
    case 'power-switch':
      world.setFenceDevice({
        isDead: first === 'dead',
        slowMs: first === 'slow' || first === 'spare' ? seconds(second) : 0,
        hasSpare: first === 'spare',
      });
      return;
    case 'command':
      world.operators.command(
        second as HostName,
        first as Parameters<World['operators']['command']>[1],
        third === 'anyway' ? null : ((third || null) as HostName | null),
        third === 'anyway',
      );
      return;
    case 'show':
      note(`= ${world.describe()}`);
      return;
    default:
      throw new Error(`unknown line in a scenario: ${line}`);
  }
}

function witness({ arbiter }: World, what: string): void {
  switch (what) {
    case 'up':
    case 'down':
      arbiter.isUp = what === 'up';
      return;
    case 'wiped':
      arbiter.wipe();
      return;
    case 'copied':
      arbiter.copyDisk();
      return;
    case 'restored':
      arbiter.restore(arbiter.copies.at(-1) ?? null);
      return;
    default:
      throw new Error(`unknown of the witness in a scenario: ${what}`);
  }
}

function settingOf(line: string): [string, string | number | boolean] {
  const [, name = '', value = ''] = line.split(/\s+/);
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  return [name, /^\d+$/.test(value) ? Number(value) : value];
}

/**
 * Plays a scenario in plain text, and returns what the core said and showed. A line `setting NAME VALUE` before all others is one of the
 * module file's, `files HOST` puts files there before the module ever ran.
 */
export function playScenario(script: string, coverage?: Coverage): string[] {
  const lines: string[] = [];
  const done = script.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const settings = done.filter((line) => line.startsWith('setting '));
  const files = done.filter((line) => line.startsWith('files ')).map((line) => line.split(' ')[1]);
  const world = new World({
    random: new Random(1),
    trace: (line) => lines.push(line.trimEnd()),
    config: Object.fromEntries(settings.map(settingOf)),
    files: Object.fromEntries(files.map((host, index): [string, number[]] => [host ?? '', [9001 + index]])),
    ...(coverage ? { coverage } : {}),
  });
  for (const line of done.slice(settings.length + files.length)) {
    lines.push(`> ${line}`);
    perform(world, line.trim(), (text) => lines.push(text));
    for (const outcome of world.outcomes.splice(0)) {
      lines.push(outcome.ok ? `= done: ${outcome.message}` : `= refused ${outcome.code}: ${outcome.reason}`);
    }
  }
  return lines;
}
