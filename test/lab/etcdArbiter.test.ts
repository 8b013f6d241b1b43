import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EtcdArbiter } from '../../agent/arbiter/etcd/etcdArbiter.ts';
import { EtcdLogin } from '../../agent/arbiter/etcd/etcdLogin.ts';
import { EtcdMember } from '../../agent/arbiter/etcd/etcdMember.ts';
import { EtcdMembers } from '../../agent/arbiter/etcd/etcdMembers.ts';
import { EtcdWatch } from '../../agent/arbiter/etcd/etcdWatch.ts';
import { EtcdFiles } from '../../agent/security/etcdFiles.ts';
import { resolveCluster } from '../../schemas/defaults.ts';
import { EtcdCluster } from '../support/etcdCluster.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';

let etcd: EtcdCluster;
const opened: EtcdMembers[] = [];
afterEach(async () => {
  for (const members of opened.splice(0)) members.close();
  await etcd.remove();
});

/** An agent's side, by what a cluster file says. */
function connect(
  arbiter: object = {},
  owner = 'site',
): { arbiter: EtcdArbiter; members: EtcdMembers; news: string[]; files: EtcdFiles } {
  const file = { name: 'site', networks: {}, hosts: {}, arbiter: { etcd: etcd.urls, ...arbiter } };
  const resolved = resolveCluster(file as Parameters<typeof resolveCluster>[0]).arbiter;
  if (resolved.kind !== 'etcd') throw new Error('not etcd');
  const files = new EtcdFiles(resolved);
  const news: string[] = [];
  const login = new EtcdLogin();
  const members = new EtcdMembers(
    resolved.endpoints.map((url) => new EtcdMember(url, files, login)),
    (reachable, reason) => news.push(`${reachable ? 'up' : 'down'}: ${reason}`),
  );
  opened.push(members);
  return { arbiter: new EtcdArbiter({ members, prefix: `${resolved.prefix}/site`, owner }), members, news, files };
}

const encode = (text: string): string => Buffer.from(text).toString('base64');

describe('etcd as the arbiter', () => {
  it('grants one of two that ask for the same epoch, a repeated proposal again, and nothing to who is late', async () => {
    etcd = await EtcdCluster.start(1);
    const [alpha, beta] = [connect().arbiter, connect().arbiter];
    expect(await alpha.read('web')).toBeNull();
    expect(await alpha.propose('web', null, record(1, 'alpha', 'a/1'))).toEqual({
      granted: true,
      record: record(1, 'alpha', 'a/1'),
    });
    for (let epoch = 1; epoch < 30; epoch++) {
      const answers = await Promise.all([
        alpha.propose('web', epoch, record(epoch + 1, 'alpha', `a/${String(epoch + 1)}`)),
        beta.propose('web', epoch, record(epoch + 1, 'beta', `b/${String(epoch + 1)}`)),
      ]);
      expect(answers.map(({ granted }) => granted).sort()).toEqual([false, true]);
      const now = await alpha.read('web');
      expect(answers).toContainEqual({ granted: true, record: now });
      expect(answers).toContainEqual({ granted: false, current: now });
    }
    const now = await beta.read('web');
    if (now === null) throw new Error('no record');
    expect(await beta.propose('web', 29, now)).toEqual({ granted: true, record: now });
    expect(await alpha.propose('web', 29, record(30, 'alpha', 'a/late'))).toEqual({ granted: false, current: now });
    expect(await alpha.propose('web', null, record(31, 'alpha', 'a/late'))).toEqual({ granted: false, current: now });
    // Another module, and another prefix, have records of their own.
    expect(await alpha.read('db')).toBeNull();
    expect(await connect({ prefix: '/other/' }).arbiter.read('web')).toBeNull();
  });

  it('never takes a damaged record for a missing one, nor that of another cluster of the same name for its own', async () => {
    etcd = await EtcdCluster.start(1);
    const { arbiter, news } = connect();
    await arbiter.propose('web', null, record(1, 'alpha', 'a/1'));
    const other = connect({}, 'another authority').arbiter;
    await expect(other.read('web')).rejects.toThrow(/\/understudy\/site\/web of etcd belongs to another cluster/);
    await expect(other.propose('web', 1, record(2, 'beta', 'b/1'))).rejects.toThrow(/belongs to another cluster/);
    expect(await arbiter.read('web')).toEqual(record(1, 'alpha', 'a/1'));
    const [member] = etcd.members;
    if (member === undefined) throw new Error('no member');
    await etcd.post(member, '/v3/kv/put', { key: encode('/understudy/site/web'), value: encode('{"formatVersion":1') });
    await expect(arbiter.propose('web', null, record(1, 'alpha', 'a/1'))).rejects.toThrow(/is damaged/);
    expect(news).toEqual(['up: it answers']);
  });

  it('goes on when the leader is killed, is lost without a majority, and is there again with it', async () => {
    etcd = await EtcdCluster.start(3);
    const { arbiter, members, news } = connect();
    const watch = new EtcdWatch({
      members,
      prefix: '/understudy/site',
      refresh: () => Promise.resolve(),
      onReplaced: () => undefined,
    });
    await watch.start();
    try {
      let epoch = 0;
      const proposeNext = async (): Promise<void> => {
        const next = record(epoch + 1, 'alpha', `a/${String(epoch + 1)}`);
        expect(await arbiter.propose('web', epoch === 0 ? null : epoch, next)).toEqual({ granted: true, record: next });
        epoch += 1;
      };
      // As the core does: the same proposal again until it is answered.
      const persist = (): Promise<void> => vi.waitFor(proposeNext, { timeout: 15_000, interval: 100 });
      await persist();
      const first = await etcd.leader();
      await etcd.kill(first);
      await persist();
      expect(await arbiter.read('web')).toMatchObject({ epoch: 2 });

      const second = await etcd.leader();
      await etcd.kill(second);
      await expect(arbiter.propose('web', 2, record(3, 'beta', 'b/1'))).rejects.toThrow(/etcd did not answer/);
      await expect(arbiter.read('web')).rejects.toThrow(new RegExp(`${second.url}: .*ECONNREFUSED`));
      expect(arbiter.reachable()).toBe(false);
      expect(news.at(-1)).toMatch(/^down: /);

      etcd.run(second);
      await vi.waitFor(() => expect(news.at(-1)).toMatch(/^up: /), 20_000);
      expect(arbiter.reachable()).toBe(true);
      // The proposal without an answer was either granted or not, and nobody else's is.
      const now = await arbiter.read('web');
      expect([2, 3]).toContain(now?.epoch);
      epoch = now?.epoch ?? 0;
      await persist();
    } finally {
      watch.close();
    }
  });

  it('is asked through a member that lives while another one says nothing', async () => {
    etcd = await EtcdCluster.start(3);
    await connect().arbiter.propose('web', null, record(1, 'alpha', 'a/1'));
    const leader = await etcd.leader();
    const silent = etcd.members.find((member) => member !== leader);
    if (silent === undefined) throw new Error('no member follows');
    // It is asked first: so the question goes to the next one before its time is over.
    const { arbiter } = connect({ etcd: [silent.url, ...etcd.urls.filter((url) => url !== silent.url)] });
    silent.process?.kill('SIGSTOP');
    expect(await arbiter.read('web')).toEqual(record(1, 'alpha', 'a/1'));
    silent.process?.kill('SIGCONT');
  });

  it('is authenticated both ways, and logs in anew when its token no longer holds', async () => {
    etcd = await EtcdCluster.start(1, true);
    const [member] = etcd.members;
    if (member === undefined) throw new Error('no member');
    const range = { key: encode('/understudy/site/'), range_end: encode('/understudy/site0') };
    const steps: [string, object][] = [
      ['/v3/auth/user/add', { name: 'root', password: 'root' }],
      ['/v3/auth/role/add', { name: 'root' }],
      ['/v3/auth/user/grant', { user: 'root', role: 'root' }],
      ['/v3/auth/user/add', { name: 'understudy', password: 'geheim' }],
      ['/v3/auth/user/add', { name: 'nobody', password: 'geheim' }],
      ['/v3/auth/role/add', { name: 'understudy' }],
      ['/v3/auth/role/grant', { name: 'understudy', perm: { permType: 'READWRITE', ...range } }],
      ['/v3/auth/user/grant', { user: 'understudy', role: 'understudy' }],
      ['/v3/auth/enable', {}],
    ];
    for (const [where, body] of steps) await etcd.post(member, where, body);
    const passwordFile = path.join(etcd.directory, 'password');
    writeFileSync(passwordFile, 'geheim\n', { mode: 0o600 });
    const { caFile, clientCertificateFile: certificateFile, clientKeyFile: keyFile } = etcd;
    const secure = { user: 'understudy', passwordFile, caFile, certificateFile, keyFile };
    const { arbiter } = connect(secure);
    await arbiter.propose('web', null, record(1, 'alpha', 'a/1'));
    // Tokens are forgotten when a member starts anew.
    await etcd.kill(member);
    etcd.run(member);
    await vi.waitFor(async () => expect(await arbiter.read('web')).toEqual(record(1, 'alpha', 'a/1')), 20_000);

    const nobody = connect({ ...secure, user: 'nobody' }).arbiter;
    await expect(nobody.read('web')).rejects.toThrow(/permission denied \(give the user "nobody" readwrite/);
    const strangers = connect({ user: 'understudy', passwordFile, certificateFile, keyFile }).arbiter;
    await expect(strangers.read('web')).rejects.toThrow(/unable to verify the first certificate|issuer certificate/);
    const unknown = connect({ user: 'understudy', passwordFile, caFile }).arbiter;
    await expect(unknown.read('web')).rejects.toThrow(/etcd did not answer/);
    // A password that was changed is used once its file says so.
    const { arbiter: later, files } = connect(secure);
    await files.refresh();
    writeFileSync(passwordFile, 'falsch');
    await files.refresh();
    await expect(later.read('web')).rejects.toThrow(/the log-in of "understudy" failed/);
    chmodSync(passwordFile, 0o644);
    expect(() => connect(secure)).toThrow(/chmod 600/);
    expect(() => connect({ ...secure, caFile: '/nowhere/ca.crt' })).toThrow(/\/nowhere\/ca.crt cannot be read/);
  });
});
