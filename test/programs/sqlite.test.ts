import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { tryRun } from '../lab/harness/run.ts';
import { GuestProgram } from '../mirror/guestProgram.ts';
import { noMirror, useMirroredPair, type MirroredPair } from './mirroredPair.ts';

const WRITERS = 3;

/** Transactions of one process: each moves an amount between two accounts and notes it. */
function transfers(writer: number, count: number): string {
  const lines = ['.bail on', '.timeout 60000', 'PRAGMA synchronous=FULL;'];
  for (let each = 0; each < count; each++) {
    const [from, to] = [(writer * 7 + each) % 100, (writer * 13 + each * 3 + 1) % 100];
    lines.push(
      'BEGIN IMMEDIATE;',
      `UPDATE account SET balance = balance - 1 WHERE id = ${from};`,
      `UPDATE account SET balance = balance + 1 WHERE id = ${to};`,
      `INSERT INTO transfer(writer, number, note) VALUES (${writer}, ${each}, hex(randomblob(200)));`,
      'COMMIT;',
      `SELECT 'done ${writer} ${each}';`,
    );
  }
  return lines.join('\n');
}

async function makeDatabase(mirrored: MirroredPair, file: string, journal: string): Promise<void> {
  const accounts = 'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i, 1000 FROM n';
  const script = `PRAGMA journal_mode=${journal};
    CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER);
    CREATE TABLE transfer(id INTEGER PRIMARY KEY, writer INTEGER, number INTEGER, note TEXT);
    CREATE INDEX transfer_note ON transfer(note);
    INSERT INTO account ${accounts};`;
  expect((await mirrored.run(['sqlite3', file], { input: script })).trim()).toBe(journal);
}

/** What has to be true of a database whatever happened, and how many transfers it holds. */
async function checkDatabase(mirrored: MirroredPair, file: string): Promise<number> {
  const [check, sum, count] = (
    await mirrored.run(['sqlite3', file], {
      input:
        '.timeout 60000\nPRAGMA integrity_check; SELECT sum(balance) FROM account; SELECT count(*) FROM transfer;\n',
    })
  )
    .trim()
    .split('\n');
  expect([check, sum]).toEqual(['ok', '100000']);
  return Number(count);
}

describe.skipIf(noMirror !== null)('SQLite', () => {
  const pair = useMirroredPair();

  describe.each([
    { journal: 'wal', transactions: 40 },
    { journal: 'delete', transactions: 40 },
    { journal: 'truncate', transactions: 10 },
    { journal: 'persist', transactions: 10 },
  ])('with a journal of mode $journal', ({ journal, transactions }) => {
    const name = `${journal}.db`;

    it('takes transactions of several processes at once', async () => {
      const file = pair().at(name);
      await makeDatabase(pair(), file, journal);
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        pair().run(['sqlite3', file], { input: transfers(writer, transactions) }),
      );
      const done = (await Promise.all(writers)).join('').match(/^done/gm);
      expect(done).toHaveLength(WRITERS * transactions);
      expect(await checkDatabase(pair(), file)).toBe(WRITERS * transactions);
    });

    it('keeps a writer out while another holds the lock', async () => {
      const file = pair().at(name);
      const holder = spawn('sqlite3', [file], { stdio: ['pipe', 'pipe', 'inherit'] });
      const ended = once(holder, 'exit');
      try {
        holder.stdin.write('BEGIN IMMEDIATE; SELECT 1;\n');
        await once(holder.stdout, 'data');
        const other = await tryRun(['sqlite3', file, 'BEGIN IMMEDIATE;']);
        expect(other.stderr).toContain('database is locked');
        holder.stdin.end('ROLLBACK;\n');
        expect(await ended).toEqual([0, null]);
        await pair().run(['sqlite3', file, 'BEGIN IMMEDIATE; ROLLBACK;']);
      } finally {
        holder.kill('SIGKILL');
      }
    });

    it('has every committed transaction after a writer was killed in the middle', async () => {
      const file = pair().at(name);
      const before = await checkDatabase(pair(), file);
      const script = path.join(pair().plain, `${journal}.sql`);
      fs.writeFileSync(script, transfers(9, 20_000));
      const writer = new GuestProgram('exec sqlite3 "$1" < "$2"', file, script);
      const done = () => writer.output.match(/^done/gm)?.length ?? 0;
      await expect.poll(done, { timeout: 60_000 }).toBeGreaterThan(30);
      writer.kill();
      await writer.end();
      const after = await checkDatabase(pair(), file);
      // The one that was under way may be there or not.
      expect(after - before).toBeGreaterThanOrEqual(done());
      expect(after - before).toBeLessThanOrEqual(done() + 1);
    });
  });

  it('leaves both replicas equal, and each is a sound database', async () => {
    await pair().expectEqualReplicas();
    const { beta } = pair().pair;
    for (const name of fs.readdirSync(beta.directory).filter((each) => each.endsWith('.db'))) {
      const file = path.join(beta.directory, name);
      expect(await tryRun(['sqlite3', file, 'PRAGMA integrity_check'])).toMatchObject({ code: 0, stdout: 'ok\n' });
    }
  });
});
