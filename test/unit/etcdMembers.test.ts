import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EtcdLogin } from '../../agent/arbiter/etcd/etcdLogin.ts';
import { EtcdMember } from '../../agent/arbiter/etcd/etcdMember.ts';
import { EtcdMembers } from '../../agent/arbiter/etcd/etcdMembers.ts';
import { EtcdWatch } from '../../agent/arbiter/etcd/etcdWatch.ts';
import { RecordError } from '../../agent/arbiter/recordText.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
});

/** The members of an etcd that wants a log-in, as far as its tokens go: each takes those that any of them gave out. */
class Members {
  readonly servers: Server[] = [];
  readonly urls: string[] = [];
  /** Which member was asked for what, in their order. */
  readonly asked: string[] = [];
  readonly tokens = new Set<string>();
  /** These answer nothing more. */
  readonly silent = new Set<number>();
  #given = 0;

  async start(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const server = createServer((request, response) => {
        void json(request).then(() => {
          const what = request.url === '/v3/auth/authenticate' ? 'log-in' : 'range';
          this.asked.push(`${String(index)} ${what}`);
          if (this.silent.has(index)) return;
          response.end(
            JSON.stringify(what === 'log-in' ? this.#giveToken() : this.#answer(request.headers.authorization)),
          );
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ends.push(() => {
        server.close();
        server.closeAllConnections();
      });
      this.servers.push(server);
      this.urls.push(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    }
  }

  count(what: string): number {
    return this.asked.filter((each) => each.endsWith(what)).length;
  }

  #giveToken(): object {
    const token = `token.${String(++this.#given)}`;
    this.tokens.add(token);
    return { header: {}, token };
  }

  #answer(token: string | undefined): object {
    if (token === undefined || !this.tokens.has(token)) return { code: 16, message: 'etcdserver: invalid auth token' };
    return { header: { revision: '7', cluster_id: '1' } };
  }
}

const security = { tls: () => ({}), user: () => ({ name: 'understudy', password: 'geheim' }) };
const range = (member: EtcdMember, signal: AbortSignal): Promise<unknown> => member.ask('/v3/kv/range', {}, signal);
const atOnce = <T>(count: number, act: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, act));

async function connect(count: number): Promise<{ etcd: Members; members: EtcdMembers; news: string[] }> {
  const etcd = new Members();
  await etcd.start(count);
  const login = new EtcdLogin();
  const news: string[] = [];
  const members = new EtcdMembers(
    etcd.urls.map((url) => new EtcdMember(url, security, login)),
    (reachable) => news.push(reachable ? 'up' : 'down'),
  );
  ends.push(() => members.close());
  return { etcd, members, news };
}

describe('the log-in to etcd', () => {
  it('is one for all that ask at once', async () => {
    const { etcd, members } = await connect(1);
    await atOnce(20, () => members.ask(range));
    expect([etcd.count('log-in'), etcd.count('range')]).toEqual([1, 20]);
  });

  it('holds for the other members when the one that was asked is gone', async () => {
    const { etcd, members } = await connect(2);
    await members.ask(range);
    const before = etcd.count('log-in');
    etcd.silent.add(0);
    await atOnce(20, () => members.ask(range));
    expect(etcd.count('log-in')).toBe(before);
  });

  it('is made once more, and not once for each, when its token is taken no more', async () => {
    const { etcd, members } = await connect(1);
    await members.ask(range);
    etcd.tokens.clear();
    await atOnce(20, () => members.ask(range));
    expect(etcd.count('log-in')).toBe(2);
  });

  it('leaves alone the token that came after the one that is refused', async () => {
    const login = new EtcdLogin();
    const signal = new AbortController().signal;
    const given = (token: string) => () => Promise.resolve(token);
    expect(await login.token('a', given('first'), signal)).toBe('first');
    login.refused('first');
    expect(await login.token('a', given('second'), signal)).toBe('second');
    login.refused('first');
    expect(await login.token('a', given('third'), signal)).toBe('second');
  });

  it('is made with another member when the one that is asked says nothing', async () => {
    const { etcd, members } = await connect(2);
    etcd.silent.add(0);
    await atOnce(3, () => members.ask(range));
    expect(etcd.count('0 log-in')).toBe(1);
    expect(etcd.count('1 log-in')).toBe(1);
  });

  it('is given up with the question that waits for it', async () => {
    const end = new AbortController();
    const waiting = new EtcdLogin().token('a', () => new Promise(() => undefined), end.signal);
    end.abort();
    await expect(waiting).rejects.toThrow('not answered');
  });
});

describe('whether etcd answers', () => {
  /** Questions that are answered by hand. */
  function questions(): {
    members: EtcdMembers;
    news: string[];
    ask: () => { answer: () => Promise<void>; fail: (error: Error) => Promise<void> };
  } {
    const news: string[] = [];
    const members = new EtcdMembers([{ url: 'http://a' } as EtcdMember], (reachable) =>
      news.push(reachable ? 'up' : 'down'),
    );
    const ask = () => {
      let [answer, fail]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
      const asked = members.ask(() => new Promise<void>((resolve, reject) => ([answer, fail] = [resolve, reject])));
      const done = asked.catch(() => undefined);
      return {
        answer: () => {
          answer();
          return done;
        },
        fail: (error: Error) => {
          fail(error);
          return done;
        },
      };
    };
    return { members, news, ask };
  }

  it('is not told by a question that fails after a later one was answered', async () => {
    const { members, news, ask } = questions();
    const [early, late] = [ask(), ask()];
    await late.answer();
    await early.fail(new Error('no answer within 1000 ms'));
    expect([news, members.reachable]).toEqual([['up'], true]);
    await ask().fail(new Error('ECONNREFUSED'));
    expect([news, members.reachable]).toEqual([['up', 'down'], false]);
  });

  it('is told by an answer to an earlier question, and by one that cannot be used', async () => {
    const { news, ask } = questions();
    const [early, late] = [ask(), ask()];
    await late.fail(new Error('ECONNREFUSED'));
    await early.answer();
    expect(news).toEqual(['down', 'up']);
    await ask().fail(new Error('ECONNREFUSED'));
    await ask().fail(new RecordError('the record is damaged'));
    expect(news).toEqual(['down', 'up', 'down', 'up']);
  });
});

describe('the look at etcd', () => {
  it('keeps the log-in of each member alive', async () => {
    const { etcd, members } = await connect(3);
    const watch = watchOf(members);
    await watch.start();
    await members.askSpare(range);
    await vi.waitFor(() => {
      for (const each of ['0 range', '1 range', '2 range']) expect(etcd.asked).toContain(each);
    });
    watch.close();
  });

  it('goes on while the disk of its files does not answer, and waits for that once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    let [refreshed, asked] = [0, 0];
    const members = {
      reachable: true,
      ask: () => {
        asked += 1;
        return Promise.resolve({ clusterId: '1', storeRevision: '7', value: null });
      },
      askSpare: () => Promise.resolve(),
      close: () => undefined,
    };
    const watch = watchOf(members as unknown as EtcdMembers, () => {
      refreshed += 1;
      return new Promise(() => undefined);
    });
    await watch.start();
    for (let second = 0; second < 8; second++) await vi.advanceTimersByTimeAsync(1000);
    expect([refreshed, asked]).toEqual([1, 5]);
    watch.close();
  });

  it('is not begun again before it is over', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    let asked = 0;
    const members = {
      reachable: false,
      ask: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
      close: () => undefined,
    };
    const watch = watchOf(members as unknown as EtcdMembers);
    void watch.start();
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).toBe(1);
    watch.close();
  });
});

function watchOf(members: EtcdMembers, refresh = () => Promise.resolve()): EtcdWatch {
  return new EtcdWatch({ members, prefix: '/understudy/site', refresh, onReplaced: () => undefined });
}
