import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog } from '../../agent/runtime/eventLog.ts';

const bound = 2 * (4 << 20);
let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-log-'));
  file = join(folder, 'log.jsonl');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const messagesIn = (log: EventLog, limit: number): string[] =>
  log.read({ limit }).map(({ message }) => message.replace(/ .*/, ''));

describe('events on the disk', () => {
  it.each([
    ['ASCII', 'x'],
    // As an operator's script may write: of these, one character takes three bytes.
    ['others', '\u20ac'],
  ])('take no more than twice 4 MiB, and the newest are read back after a restart (%s)', (_what, character) => {
    const bytesEach = 12_000;
    const filling = character.repeat(bytesEach / Buffer.byteLength(character));
    const count = Math.ceil((2.5 * bound) / bytesEach);
    const number = (index: number): string => `entry-${String(index)}`;
    let log = new EventLog(file, 'alpha', 'error');
    for (let index = 0; index < count; index += 1) {
      // An agent that is started again goes on with the same files.
      if (index === Math.floor(count / 2)) log = new EventLog(file, 'alpha', 'error');
      log.add('info', 'web', 'SERVER', `${number(index)} ${filling}`);
    }
    const taken = [file, `${file}.1`].map((each) => statSync(each).size);
    expect(Math.max(...taken)).toBeLessThanOrEqual(bound / 2);
    const kept = messagesIn(new EventLog(file, 'alpha', 'error'), count);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, back) => number(count - kept.length + back)));
    // What was set aside last is there as a whole.
    expect(kept.length * bytesEach).toBeGreaterThan(0.9 * (bound / 2));
  });

  it('are read back but for the one that a loss of power cut off', () => {
    const before = new EventLog(file, 'alpha', 'error');
    before.add('info', null, 'AGENT_READY', 'one');
    appendFileSync(file, '{"time":"2026-01-02T03:04:05.678Z","host":"al');
    new EventLog(file, 'alpha', 'error').add('info', null, 'AGENT_STARTED', 'two');
    expect(messagesIn(new EventLog(file, 'alpha', 'error'), 10)).toEqual(['one', 'two']);
  });
});

describe('events on standard error', () => {
  const said = (message: string, level: 'info' | 'warn' | 'error'): string => {
    const written: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    new EventLog(file, 'alpha', 'info').add(level, 'web', 'SERVER_DIED', message);
    vi.restoreAllMocks();
    return written.join('').replaceAll(/\d{4}-\S+Z/g, 'TIME');
  };

  it('have their priority in the journal, on each line', () => {
    vi.stubEnv('JOURNAL_STREAM', '8:12345');
    expect(said('it wrote: one\ntwo', 'error')).toBe('<3>TIME error web SERVER_DIED it wrote: one\n<3>two\n');
    expect(said('it ended', 'warn')).toBe('<4>TIME warn web SERVER_DIED it ended\n');
    expect(said('it ended', 'info')).toBe('<6>TIME info web SERVER_DIED it ended\n');
  });

  it('have none elsewhere', () => {
    vi.stubEnv('JOURNAL_STREAM', undefined);
    expect(said('it wrote: one\ntwo', 'error')).toBe('TIME error web SERVER_DIED it wrote: one\ntwo\n');
  });
});
