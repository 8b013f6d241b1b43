import path from 'node:path';
import { asPostgres, postgresPrograms } from '../../programs/postgres.ts';
import type { Bench, Row } from './row.ts';
import type { System } from './system.ts';

// --- SQLite

const fewest = 100;
/** How many transactions fill the time of one measurement. */
const transactions = new WeakMap<System, number>();

/** Runs so many transactions in WAL mode, each durable, and returns how many a second. */
async function sqlite(bench: Bench, system: System, count: number): Promise<number> {
  const insert = "INSERT INTO entry (at, text) VALUES (strftime('%s'), hex(randomblob(50)));\n";
  const script = `.bail on\nPRAGMA journal_mode=WAL;\nPRAGMA synchronous=FULL;\n${insert.repeat(count)}`;
  const database = path.join(system.directory, 'sqlite', 'database');
  const start = performance.now();
  await bench.lab.host('alpha').run(['sqlite3', '-batch', database], { input: script, timeoutMs: 300_000 });
  return (count * 1000) / (performance.now() - start);
}

const sqliteWal: Row = {
  key: 'sqlite',
  name: 'SQLite WAL transactions',
  unit: 'transactions/s',
  extraSeconds: 1,
  async prepare(bench, system) {
    const alpha = bench.lab.host('alpha');
    await alpha.run(['mkdir', path.join(system.directory, 'sqlite')]);
    const schema = 'PRAGMA journal_mode=WAL;\nCREATE TABLE entry (id INTEGER PRIMARY KEY, at, text);\n';
    await alpha.run(['sqlite3', '-batch', path.join(system.directory, 'sqlite', 'database')], { input: schema });
    const first = await sqlite(bench, system, fewest);
    const second = await sqlite(bench, system, Math.max(fewest, Math.round(first / 2)));
    transactions.set(system, Math.max(fewest, Math.round(second * bench.seconds)));
  },
  measure: (bench, system) => sqlite(bench, system, transactions.get(system) ?? fewest),
};

// --- PostgreSQL

const scale = 5;
const clients = 4;

const home = (system: System) => path.join(system.directory, 'postgres');
const sockets = (system: System) => `/run/postgres-${system.name}`;

function postgres(bench: Bench, system: System, program: string, ...args: string[]): Promise<string> {
  const environment = [`PGHOST=${sockets(system)}`, `PGDATA=${home(system)}`, 'PGDATABASE=postgres', 'LC_ALL=C.UTF-8'];
  const argv = [...asPostgres, 'env', ...environment, path.join(postgresPrograms(), program), ...args];
  return bench.lab.host('alpha').run(argv, { timeoutMs: 300_000 });
}

/** What would come by time or by size comes before each measurement instead. */
const settings = [
  'shared_buffers=64MB',
  'checkpoint_timeout=1h',
  'max_wal_size=8GB',
  'autovacuum=off',
  'listen_addresses=',
];

const pgbench: Row = {
  key: 'pgbench',
  name: 'pgbench TPC-B',
  unit: 'transactions/s',
  extraSeconds: 2,
  async prepare(bench, system) {
    const alpha = bench.lab.host('alpha');
    await alpha.run(['install', '-d', '-o', 'postgres', '-g', 'postgres', home(system), sockets(system)]);
    await postgres(bench, system, 'initdb', '--auth=trust', '--encoding=UTF8', '--no-sync');
    const options = [...settings, `unix_socket_directories=${sockets(system)}`].map((each) => `-c ${each}`).join(' ');
    const log = `${sockets(system)}/log`;
    await postgres(bench, system, 'pg_ctl', 'start', '--wait', '--timeout=120', `--log=${log}`, `--options=${options}`);
    await postgres(bench, system, 'pgbench', '--initialize', '--quiet', `--scale=${scale}`);
  },
  async measure(bench, system) {
    await postgres(bench, system, 'psql', '-q', '-c', 'CHECKPOINT');
    const args = ['--no-vacuum', `--client=${clients}`, '--jobs=2', `--time=${Math.max(1, Math.round(bench.seconds))}`];
    const said = await postgres(bench, system, 'pgbench', ...args);
    return Number(/tps = ([\d.]+)/.exec(said)?.[1]);
  },
  async finish(bench, system) {
    await postgres(bench, system, 'pg_ctl', 'stop', '--wait', '--timeout=120', '--mode=fast');
  },
};

export const databaseRows: readonly Row[] = [sqliteWal, pgbench];
