import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectEqualAfterRelease, MirroredPair, noMirror } from './mirroredPair.ts';
import { PostgresServer } from './postgres.ts';

describe.skipIf(noMirror !== null)('PostgreSQL', () => {
  let mirrored: MirroredPair;
  let servers: PostgresServer[];
  beforeEach(async () => {
    servers = [];
    mirrored = await MirroredPair.open();
  });
  afterEach(async () => {
    for (const server of servers) await server.kill();
    await mirrored.remove();
  });

  const serverIn = (directory: string): PostgresServer => {
    const server = new PostgresServer(path.join(directory, 'postgres'));
    servers.push(server);
    return server;
  };

  /** A new database with the tables of pgbench. */
  const started = async (scale: number): Promise<PostgresServer> => {
    const server = serverIn(mirrored.directory);
    await server.create();
    await server.start();
    await server.program('pgbench', '--initialize', '--quiet', `--scale=${scale}`);
    return server;
  };

  it('works, recovers when it was killed, and is the same database on the other host', async () => {
    const server = await started(1);
    const first = await server.bench(4);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(await server.checkBench()).toBe(first.committed);

    const bench = server.bench(60);
    const count = () => server.query('SELECT count(*) FROM pgbench_history').then(Number);
    await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(first.committed + 100);
    await server.kill();
    const interrupted = await bench;
    expect(interrupted.code).not.toBe(0);

    // Also with a log that is written past the page cache.
    await server.start('wal_sync_method=open_datasync');
    expect(fs.readFileSync(server.logFile, 'utf8')).toContain('automatic recovery in progress');
    const recovered = await server.checkBench();
    expect(recovered).toBeGreaterThanOrEqual(first.committed + interrupted.committed);
    const second = await server.bench(2);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(await server.checkBench()).toBe(recovered + second.committed);
    await server.query('CREATE TABLE copied AS SELECT * FROM pgbench_accounts LIMIT 9999; DROP TABLE pgbench_tellers');
    await server.query('VACUUM FULL pgbench_history');
    await server.query('VACUUM');
    await server.verify();
    const dump = await server.dump();
    await server.stop();
    await server.verifyChecksums();

    await mirrored.expectEqualReplicas();
    const other = serverIn(mirrored.pair.beta.directory);
    await other.verifyChecksums();
    await other.start();
    expect(await other.dump()).toBe(dump);
    await other.stop();
  });

  it('goes on while the other host is lost and comes back', async () => {
    const { alpha, beta } = mirrored.pair;
    const server = await started(1);
    const from = alpha.seen.length;
    const bench = server.bench(12);
    await beta.crash();
    await alpha.event('peerLost', from);
    await mirrored.pair.goAlone(alpha);
    await beta.open();
    await mirrored.pair.join(alpha, beta);
    const result = await bench;
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(await server.checkBench()).toBe(result.committed);
    await server.verify();
    await server.stop();
    await expectEqualAfterRelease(alpha, beta);
  });

  it('has every committed transaction on the other host when its own is lost', async () => {
    const { alpha, beta } = mirrored.pair;
    const server = await started(1);
    const bench = server.bench(60);
    const count = () => server.query('SELECT count(*) FROM pgbench_history').then(Number);
    await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(200);
    await alpha.crash();
    await server.kill();
    const interrupted = await bench;
    expect(interrupted.code).not.toBe(0);

    await mirrored.pair.serve(beta);
    const other = serverIn(beta.directory);
    await other.start();
    expect(await other.checkBench()).toBeGreaterThanOrEqual(interrupted.committed);
    await other.verify();
    // The other host comes back, and the server works meanwhile.
    const again = other.bench(5);
    await alpha.open();
    const inStep = await mirrored.pair.join(beta, alpha);
    expect(inStep.progress.kind).toBe('delta');
    expect(await again).toMatchObject({ code: 0, stderr: '' });
    await other.stop();
    await expectEqualAfterRelease(beta, alpha);
  });
});
