import { describe, expect, it } from 'vitest';
import { playScenario } from './scenario.ts';
import { scenarioFiles } from './scenarioFiles.ts';

interface Line {
  readonly host: string;
  readonly code: string;
  readonly message: string;
}

/** What the log of the hosts says, in its order; not what the scenario shows beside it. */
function logOf(script: string): Line[] {
  return playScenario(script).flatMap((line) => {
    const [, host, code, message] = /^\d+\.\d+ (alpha|beta) ([A-Z_]{3,}) (\S.*)$/.exec(line) ?? [];
    const isShown = code === undefined || /^(WAIT|STOP|SECOND|PRIM)$/.test(code);
    return isShown || !host || !message ? [] : [{ host, code, message }];
  });
}

/** By code: where in the message the reason is. That it is one at all, the simulation looks at with every change. */
const reasons: Readonly<Record<string, RegExp>> = {
  STATE: /^web on \w+: \w+ → \w+, \S.{5,}/,
  WAITING: /^web waits on \w+: \S.{5,}/,
  PRIMARY_SILENT: /silent on .+ for \d+\.\d s/,
  PROMOTED: /because \S.{5,}; .*epoch \d+/,
  FAILED_OVER: /because \S.{5,}; .*epoch \d+/,
  SWITCHED_OVER: /because \S.{5,}; .*epoch \d+/,
  STARTED: /because \S.{5,}; .*epoch \d+/,
  STARTED_BY_FORCE: /because \S.{5,}; .*epoch \d+/,
  HANDED_OVER: /because \S.{5,}; .*epoch \d+/,
  LEAVING: /because \S.{5,}/,
  SECONDARY_LOST: /^web: \S.{5,}; acknowledgements wait/,
  FENCED: /stopped at once: \S.{5,}/,
  PARKED: /: \S.{5,}/,
  SERVER_DIED: /\(.+\)/,
  SERVER_GIVEN_UP: /\(.+\)/,
  SERVER_UNHEALTHY: /^web: \S.{5,}: \S.{5,}/,
  PROMOTION_REFUSED: /: \S.{5,}/,
  RESYNC_INTERRUPTED: /: \S.{5,}/,
};

/** Of what a module waits for: what ends it, or the command of an operator who decides. */
const ends =
  /`understudy (force-primary|resolve|start|maintenance) web|waiting (for|to hear from) (alpha|beta)|bring it back|tried again every/;
/** Nothing ends this by itself: the other host may never come back. */
const mayLast = /not reachable|is silent/;
const decisions = /`understudy |put an empty one in its place|nothing can be started/;

const becauseIn = (message: string): string => /because (.*); /.exec(message)?.[1] ?? '';

describe('the log reads as a chain of causes:', () => {
  it.each(scenarioFiles().map(({ title, script }) => [title, script] as const))('%s', (_, script) => {
    const log = logOf(script);
    expect(log.length).toBeGreaterThan(0);
    for (const { code, message } of log) {
      expect(message).not.toMatch(/undefined|null|NaN/);
      const reason = reasons[code];
      if (reason) expect(message, code).toMatch(reason);
      if (code === 'WAITING') expect(message).toMatch(ends);
      if (code === 'WAITING' && mayLast.test(message)) expect(message).toMatch(decisions);
    }
    for (const [index, { host, code, message }] of log.entries()) {
      const before = log.slice(0, index);
      const isEnd = ['FAILED_OVER', 'SWITCHED_OVER', 'STARTED', 'STARTED_BY_FORCE'].includes(code);
      if (isEnd || code === 'HANDED_OVER') {
        // The same cause from its first mention to the server's start, on whichever host that was.
        const because = becauseIn(message);
        const promoted = before.filter((line) => line.host === host && line.code === 'PROMOTED');
        if (isEnd) expect(becauseIn(promoted.at(-1)?.message ?? '')).toBe(because);
        else expect(before.some((line) => line.host === host && line.message.includes(because))).toBe(true);
      }
      if (code === 'STATE' && / → (ALONE|PRIM),/.test(message) && /: (WAIT|SECOND|STOP) →/.test(message)) {
        expect(before.some((line) => line.host === host && line.code === 'PROMOTED')).toBe(true);
      }
    }
  });

  const textOf = (title: string): string[] => {
    const found = scenarioFiles().find((each) => each.title === title);
    return logOf(found?.script ?? '').map(({ host, message }) => `${host}: ${message}`);
  };

  it('a failover says in one sentence what brought it about', () => {
    expect(textOf('power loss of the primary')).toContain(
      'beta: web failed over to beta because alpha was silent on lan and link for 3.0 s; the arbiter granted epoch 3',
    );
  });

  it('a network that was lost before is told with its own time', () => {
    expect(textOf('network lost before the primary').join('\n')).toMatch(
      /web failed over to beta because alpha was silent on lan for 3\.0 s, on link for 13\.\d s; the arbiter granted epoch 5/,
    );
  });

  it('the host that returns reads in the record why it lost the module', () => {
    expect(textOf('power loss of the primary').join('\n')).toContain(
      'alpha: web on alpha: WAIT → SECOND, beta is primary by epoch 3 (alpha was silent on lan and link for 3.0 s)',
    );
  });
});
