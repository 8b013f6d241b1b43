import fs from 'node:fs';
import path from 'node:path';
import { run, tryRun, type RunResult } from '../lab/harness/run.ts';

const versions = '/usr/lib/postgresql';

/** The programs of the newest PostgreSQL that Debian installed. */
export function postgresPrograms(): string {
  const newest = fs
    .readdirSync(versions)
    .filter((version) => fs.existsSync(path.join(versions, version, 'bin/initdb')))
    .sort((one, other) => Number(other) - Number(one))[0];
  if (newest === undefined) throw new Error(`No PostgreSQL server in ${versions}.`);
  return path.join(versions, newest, 'bin');
}

/** It refuses to be root. */
export const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--'];

/** One database server that we started ourselves; it listens on a socket in its own folder only. */
export class PostgresServer {
  #postmaster: number | null = null;

  constructor(
    /** Holds the database, its socket and its log. */
    readonly home: string,
  ) {}

  get #data(): string {
    return path.join(this.home, 'data');
  }

  get logFile(): string {
    return path.join(this.home, 'log');
  }

  /** Runs one of PostgreSQL's programs to its end. */
  tryProgram(name: string, ...args: string[]): Promise<RunResult> {
    return tryRun(this.#command(name, args), this.#options);
  }

  program(name: string, ...args: string[]): Promise<string> {
    return run(this.#command(name, args), this.#options);
  }

  #command(name: string, args: readonly string[]): string[] {
    return [...asPostgres, path.join(postgresPrograms(), name), ...args];
  }

  get #options() {
    const env = { ...process.env, PGHOST: this.home, PGDATA: this.#data, PGDATABASE: 'postgres', LC_ALL: 'C.UTF-8' };
    return { cwd: '/', env, timeoutMs: 200_000 };
  }

  async create(): Promise<void> {
    fs.mkdirSync(this.home);
    await run(['chown', 'postgres:postgres', this.home]);
    await this.program('initdb', '--data-checksums', '--auth=trust', '--encoding=UTF8');
    fs.appendFileSync(
      path.join(this.#data, 'postgresql.conf'),
      [
        `unix_socket_directories = '${this.home}'`,
        "listen_addresses = ''",
        'shared_buffers = 16MB',
        'checkpoint_timeout = 30s',
        'max_wal_size = 64MB',
        'min_wal_size = 32MB',
        '',
      ].join('\n'),
    );
  }

  /** Starts the server and waits until it takes connections: after a crash, until it has recovered. */
  async start(...settings: string[]): Promise<void> {
    const socket = `unix_socket_directories='${this.home}'`;
    const options = [socket, ...settings].map((setting) => `-c ${setting}`).join(' ');
    // The server keeps what it inherits: without a log file of its own the call would not end before the server does.
    await this.program('pg_ctl', 'start', '--wait', '--timeout=120', `--log=${this.logFile}`, `--options=${options}`);
    // Remembered: the file is gone with the mount when that dies.
    this.#postmaster = Number(fs.readFileSync(path.join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  async stop(): Promise<void> {
    this.#postmaster = null;
    await this.program('pg_ctl', 'stop', '--wait', '--timeout=120', '--mode=fast');
  }

  /** kill -9 of the postmaster; resolves when its children, who notice it themselves, are gone as well. */
  async kill(): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster === null) return;
    this.#postmaster = null;
    const children = fs.readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').match(/\d+/g) ?? [];
    process.kill(postmaster, 'SIGKILL');
    const all = [String(postmaster), ...children];
    for (const end = Date.now() + 60_000; all.some((pid) => fs.existsSync(`/proc/${pid}`));) {
      if (Date.now() > end) throw new Error(`Processes of a killed PostgreSQL are still there: ${all.join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async query(sql: string): Promise<string> {
    return (await this.program('psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql)).trim();
  }

  /** Runs pgbench's transactions, like TPC-B, for some seconds. */
  async bench(seconds: number): Promise<{ committed: number; code: number | null; stderr: string }> {
    const result = await this.tryProgram('pgbench', '--no-vacuum', '-c', '4', '-j', '2', '-T', String(seconds));
    const committed = /transactions actually processed: (\d+)/.exec(result.stdout)?.[1];
    return { committed: Number(committed ?? Number.NaN), code: result.code, stderr: result.stderr };
  }

  /** How many of pgbench's transactions the database holds, after it was found that every sum agrees with every other. */
  async checkBench(): Promise<number> {
    const sums = await this.query(
      `SELECT sum(abalance) FROM pgbench_accounts UNION ALL SELECT sum(bbalance) FROM pgbench_branches
       UNION ALL SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(delta) FROM pgbench_history`,
    );
    if (new Set(sums.split('\n')).size !== 1) throw new Error(`The balances do not agree:\n${sums}`);
    return Number(await this.query('SELECT count(*) FROM pgbench_history'));
  }

  /** Every index against its table, every checksum of a page. */
  async verify(): Promise<void> {
    await this.program('pg_amcheck', '--install-missing', '--heapallindexed', '--parent-check', '--all');
  }

  /** With the server stopped: the checksum of every page. */
  async verifyChecksums(): Promise<void> {
    await this.program('pg_checksums', '--check');
  }

  /** The content of the database as commands, without what is drawn by lot for each dump. */
  async dump(): Promise<string> {
    return (await this.program('pg_dump')).replaceAll(/^\\(un)?restrict .*$/gm, '');
  }
}
