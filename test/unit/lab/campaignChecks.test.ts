import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { twoGuests } from '../../bench/failover/faults.ts';
import { unexpectedLines } from '../../lab/campaign/agentLogs.ts';
import { AnswerOrder, AnswerWatch } from '../../lab/campaign/answerWatch.ts';
import { bootsThatMissRecords } from '../../lab/campaign/bootOrder.ts';
import { whatMoved } from '../../lab/campaign/moved.ts';
import { areTwice, type RunningServer, SeenServers } from '../../lab/campaign/seenServers.ts';
import { servedTwice } from '../../lab/campaign/servedTwice.ts';
import { whatIsNotSeen } from '../../lab/campaign/watched.ts';
import { judgeRecords, type RecordVerdict } from '../../lab/guest/records.ts';
import { parseSerial } from '../../lab/guest/serialLog.ts';
import { atOnce } from '../../lab/harness/atOnce.ts';

/**
 * Each check of the campaign is shown what it is there for. What is planted is what the hosts would leave behind if the product did it:
 * consoles of guests, what a disk holds, processes, answers, logs of agents. (Replicas that differ: records.test.ts.)
 */

/** A start of a guest that reports the records from one number to another. */
function life(boot: number, id: string, from: number, to: number, bad = 'none'): string {
  const up = `GUEST_UP boot=${boot} id=${id.repeat(8)} last=${from - 1} bad=${bad} uptime=3.00\r\n`;
  return `${up}${records(boot, id, from, to)
    .map((record) => `WROTE ${record}\r\n`)
    .join('')}`;
}
function records(boot: number, id: string, from: number, to: number): string[] {
  return Array.from(
    { length: Math.max(0, to - from + 1) },
    (_, index) => `${from + index} boot=${boot} id=${id.repeat(8)} up=4.00`,
  );
}

describe('the look at running servers', () => {
  const missed = (alpha: string, beta: string): readonly string[] =>
    bootsThatMissRecords([alpha, beta].map(parseSerial));
  const whole = life(4, 'a', 1, 500);

  it('finds nothing where each guest has what was reported before, and what was not', () => {
    expect(missed(`${whole}${life(5, 'b', 501, 600)}`, life(6, 'c', 601, 610))).toEqual([]);
    expect(missed(whole, life(5, 'b', 502, 600))).toEqual([]);
  });

  it('finds records that the next guest does not have', () => {
    expect(missed(whole, life(5, 'b', 500, 600))).toEqual([
      'boot 5 (bbbbbbbb) found records up to 499 of 500 that were reported',
    ]);
    expect(missed(whole, life(5, 'b', 501, 600, '17'))).toEqual([
      'boot 5 (bbbbbbbb) found records up to 500 of 500 that were reported, and record 17 is not on its line',
    ]);
  });

  it('finds that all of a boot is gone: the guest on the old disk takes the same number once more', () => {
    // The secondary is lost, the guest is killed and started anew on alpha alone; alpha is lost, and the stale secondary starts.
    expect(missed(`${whole}${life(5, 'b', 501, 600)}`, life(5, 'c', 501, 510))).toEqual([
      'boot 5 (bbbbbbbb) found records up to 500 of 510 that were reported',
      'boot 5 (cccccccc) found records up to 500 of 600 that were reported',
      'there were 2 boots 5 (bbbbbbbb, cccccccc)',
    ]);
    // Also of more than one, and of one that had no time for a record.
    expect(missed(`${whole}${life(5, 'b', 501, 600)}${life(6, 'c', 601, 700)}`, life(5, 'd', 501, 500))).toContain(
      'boot 5 (dddddddd) found records up to 500 of 600 that were reported',
    );
    expect(missed(`${whole}${life(5, 'b', 501, 500)}`, life(5, 'c', 501, 500))).toEqual([
      'there were 2 boots 5 (bbbbbbbb, cccccccc)',
    ]);
  });
});

describe('the look at stopped servers', () => {
  const consoles = [`${life(1, 'a', 1, 5)}`, life(2, 'b', 6, 8)].map(parseSerial);
  const kept = [...records(1, 'a', 1, 5), ...records(2, 'b', 6, 8)];
  const judge = (onDisk: readonly string[]): Pick<RecordVerdict, 'lost' | 'firstOutOfOrder'> => {
    const { lost, firstOutOfOrder } = judgeRecords(onDisk, consoles);
    return { lost, firstOutOfOrder };
  };
  const instead = (...lines: string[]): string[] => [...kept.slice(0, 5), ...lines];

  it('finds nothing on a disk with every record', () => {
    expect(judge([...kept, ...records(2, 'b', 9, 9)])).toEqual({ lost: [], firstOutOfOrder: null });
  });

  it.each<[string, string[], string[], number | null]>([
    ['the last records', kept.slice(0, 7), kept.slice(7), null],
    ['all of a boot', kept.slice(0, 5), kept.slice(5), null],
    ['all of a boot, whose numbers another one took', instead(...records(2, 'c', 6, 8)), kept.slice(5), null],
    ['one in the middle', [...kept.slice(0, 3), ...kept.slice(4)], kept.slice(3), 4],
    ['everything', [], kept, null],
  ])('finds that a disk has lost %s', (_, onDisk, lost, firstOutOfOrder) => {
    expect(judge(onDisk)).toEqual({ lost, firstOutOfOrder });
  });

  it('finds a record that is there twice', () => {
    expect(judge([...kept, ...kept.slice(-1)])).toEqual({ lost: [], firstOutOfOrder: 9 });
  });
});

describe('the watch of the processes', () => {
  const server = (pid: number, host: 'alpha' | 'beta', module: 'web' | 'db' = 'web'): RunningServer => {
    return { pid, host, module };
  };

  it.each([
    ['on two hosts', [server(1, 'alpha'), server(2, 'beta')], ['alpha', 'beta']],
    ['on one host', [server(1, 'alpha'), server(2, 'alpha')], ['alpha', 'alpha']],
  ])('sees two servers of one module %s, and for how long', (_, servers, hosts) => {
    const seen = new SeenServers();
    seen.take([server(1, 'alpha'), server(3, 'alpha', 'db')], 40);
    expect(seen.takeTwice('web')).toBeNull();
    seen.take([...servers, server(3, 'alpha', 'db')], 40);
    seen.take([...servers, server(3, 'alpha', 'db')], 60);
    seen.take([server(2, 'beta')], 40);
    expect(seen.takeTwice('db')).toBeNull();
    expect(seen.takeTwice('web')).toEqual({ ms: 100, hosts });
    expect(seen.takeTwice('web')).toBeNull();
    expect(seen.of('web')).toEqual([server(2, 'beta')]);
    expect(seen.of('db')).toEqual([]);
  });

  it('takes only what ran at one moment: a server may end, and its successor begin, while the list of processes is read', () => {
    const look = (...looks: (readonly RunningServer[])[]): (() => readonly RunningServer[]) => {
      return () => looks.shift() ?? [];
    };
    const both = [server(1, 'alpha'), server(2, 'alpha')];
    expect(atOnce(look(both, [server(2, 'alpha')]), areTwice)).toEqual([server(2, 'alpha')]);
    expect(atOnce(look(both, both), areTwice)).toEqual(both);
    expect(atOnce(look([server(1, 'alpha'), server(2, 'beta', 'db')]), areTwice)).toHaveLength(2);
  });

  it('of the benchmark sees them, too', () => {
    const host = (name: string, ...pids: number[]) => ({ name, guests: () => pids });
    expect(twoGuests([host('alpha', 1), host('beta')])).toEqual([]);
    expect(twoGuests([host('alpha', 1), host('beta', 2)])).toEqual(['2 guests run, on alpha and beta']);
    expect(twoGuests([host('alpha', 1, 2), host('beta')])).toEqual(['2 guests run, on alpha and alpha']);
  });
});

describe('the watch of the answers', () => {
  it('sees a server that answers after another one had followed it', () => {
    const order = new AnswerOrder();
    expect(order.take({ name: 'web', boot: 1, id: 'a' }, 0)).toBeNull();
    expect(order.take({ name: 'db', boot: 1, id: 'x' }, 10)).toBeNull();
    expect(order.take({ name: 'web', boot: 2, id: 'b' }, 100)).toBeNull();
    expect(order.take({ name: 'web', boot: 2, id: 'b' }, 200)).toBeNull();
    expect(order.take({ name: 'web', boot: 1, id: 'a' }, 350)).toBe(250);
  });

  const ends: (() => unknown)[] = [];
  afterEach(() => ends.splice(0).forEach((end) => end()));

  it('asks over the network, and tells when nobody asks any more', async () => {
    let answer = 'boot=1 id=0000000a record=';
    const http = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1');
    ends.push(
      () => http.close(),
      () => http.closeAllConnections(),
    );
    await vi.waitFor(() => expect(http.listening).toBe(true), 15_000);
    let pid = 0;
    const desk = { operatorPrefix: [], adopt: (started: number): void => void (pid = started) };
    const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    const watch = new AnswerWatch(desk, [{ name: 'web', address }]);
    ends.push(() => watch.stop());
    const answers = async (more: number): Promise<void> => {
      const before = watch.answersOf('web');
      await vi.waitFor(() => expect(watch.answersOf('web')).toBeGreaterThanOrEqual(before + more), 20_000);
    };
    await answers(1);
    answer = 'boot=2 id=0000000b record=';
    await answers(2);
    expect(watch.takeLate()).toEqual([]);
    answer = 'boot=1 id=0000000a record=';
    await answers(2);
    expect(watch.takeLate()).toContainEqual({
      name: 'web',
      boot: 1,
      id: '0000000a',
      lateMs: expect.any(Number) as number,
    });
    expect(watch.answersOf('db')).toBe(0);
    expect(watch.ended).toBeNull();
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(watch.ended).toMatch(/asks the servers for answers ended: SIGKILL/), 5000);
  });
});

describe('what the watches saw', () => {
  const twice = { ms: 480.4, hosts: ['alpha', 'beta'] as const };
  const late = [{ name: 'web', boot: 3, lateMs: 250.2 }];

  it('is wrong, unless something stood still on the host of the first server, for so long', () => {
    const both = [
      'web had 2 servers (alpha, beta) for 480 ms',
      'a server of web that was over answered: boot=3, 250 ms after the next one',
    ];
    const judge = (allowedMs: number) => servedTwice({ module: 'web', twice, late, allowedMs });
    expect(judge(0)).toEqual({ wrong: both, notes: [] });
    expect(judge(400)).toEqual({ wrong: both.slice(0, 1), notes: both.slice(1) });
    expect(judge(1000)).toEqual({ wrong: [], notes: both });
    expect(servedTwice({ module: 'web', twice: null, late: [], allowedMs: 0 })).toEqual({ wrong: [], notes: [] });
  });

  it('counts only if they see the servers that are there', () => {
    const seen = { name: 'web', primary: 'beta', runsOn: 'beta', answers: 1 } as const;
    expect(whatIsNotSeen(seen)).toEqual([]);
    expect(whatIsNotSeen({ ...seen, runsOn: 'alpha' })).toEqual(['web runs on beta, and its process is on alpha']);
    expect(whatIsNotSeen({ ...seen, runsOn: null })).toEqual(['web runs on beta, and its process is on none']);
    expect(whatIsNotSeen({ ...seen, answers: 0 })).toEqual(['web runs, and does not answer the network']);
  });
});

describe('the look at what was to stay where it is', () => {
  const before = [
    { module: 'web', host: 'alpha', starts: ['a', 'b'] },
    { module: 'db', host: 'beta', starts: ['x'] },
  ] as const;

  it('finds nothing where the same servers run on', () => {
    expect(whatMoved(before, [...before])).toEqual([]);
  });

  it('finds a server that went to the other host, and one that was started anew on its own', () => {
    expect(whatMoved(before, [{ module: 'web', host: 'beta', starts: ['a', 'b', 'c'] }, before[1]])).toEqual([
      'web was to stay on alpha, and was started anew on beta',
    ]);
    expect(whatMoved(before, [before[0], { module: 'db', host: 'beta', starts: ['x', 'y'] }])).toEqual([
      'db was to stay on beta, and was started anew on beta',
    ]);
    expect(whatMoved(before, [{ ...before[0], host: null }, before[1]])).toEqual([
      'web was to stay on alpha, and is on none',
    ]);
  });
});

describe('the look at the logs of the agents', () => {
  it('finds a crash, but not an end that was brought about', () => {
    const log = [
      'supervise: start at 2026-01-01T00:00:00.000Z',
      'supervise: the agent ended with code 137',
      '2026-01-01T00:00:01.000Z warning SECONDARY_LOST web: the secondary was lost',
    ];
    expect(unexpectedLines(log.join('\n'), [137])).toEqual([]);
    expect(unexpectedLines(log.join('\n'), [])).toEqual([log[1]]);
    expect(unexpectedLines([log[1], log[1]].join('\n'), [137])).toEqual([log[1]]);
    const crash = ["TypeError: Cannot read properties of undefined (reading 'x')", '    at step (file:///a.mjs:1:2)'];
    expect(unexpectedLines(crash.join('\n'), [])).toEqual(crash);
  });
});
