import path from 'node:path';
import { run } from '../../lab/harness/run.ts';
import type { Bench, Row } from './row.ts';
import type { System } from './system.ts';

const dataMiB = 256;
const sequentialMiB = 1024;
/**
 * Seconds of the same load before what counts: marks, caches and compiled code are as under load then. Otherwise the first seconds after a
 * change of load would be measured, again and again.
 */
const RAMP_S = 3;
const dataFile = 'data.bin';
const sequentialFile = 'sequential.bin';

interface FioSide {
  readonly iops: number;
  /** KiB/s. */
  readonly bw: number;
}

async function fio(
  bench: Bench,
  system: System,
  file: string,
  args: readonly string[],
): Promise<Record<string, FioSide>> {
  const job = ['--name=bench', `--filename=${path.join(system.directory, file)}`, '--output-format=json', ...args];
  // Its own files stay out of the directory that is measured.
  const said = await bench.lab.host('alpha').run(['fio', '--aux-path=/var/tmp', ...job], { timeoutMs: 300_000 });
  const result = JSON.parse(said.slice(said.indexOf('{'))) as { jobs: [Record<string, FioSide>] };
  return result.jobs[0];
}

/** Writes a file whole, so that no measurement allocates. */
async function fill(bench: Bench, system: System, file: string, mib: number): Promise<void> {
  const args = [`--size=${mib}M`, '--rw=write', '--bs=1M', '--ioengine=psync', '--end_fsync=1', '--refill_buffers'];
  await fio(bench, system, file, args);
}

const filled = new WeakSet<System>();

async function fillData(bench: Bench, system: System): Promise<void> {
  if (filled.has(system)) return;
  filled.add(system);
  await fill(bench, system, dataFile, dataMiB);
}

function row(
  key: string,
  name: string,
  side: 'read' | 'write',
  unit: 'operations' | 'MiB',
  job: readonly string[],
): Row {
  return {
    key,
    name,
    unit: `${unit}/s`,
    extraSeconds: 1 + RAMP_S,
    prepare: fillData,
    async measure(bench, system) {
      const time = [`--size=${dataMiB}M`, '--time_based', `--ramp_time=${RAMP_S}`, `--runtime=${bench.seconds}`];
      const result = (await fio(bench, system, dataFile, [...job, ...time]))[side];
      if (result === undefined) throw new Error('fio measured nothing');
      return unit === 'MiB' ? result.bw / 1024 : result.iops;
    },
  };
}

const direct = (depth: number) => ['--ioengine=libaio', '--direct=1', `--iodepth=${depth}`];

/** The page cache forgets a file, on every disk that holds it. */
async function forgetCached(system: System, file: string): Promise<void> {
  for (const store of system.stores) {
    await run(['dd', `if=${path.join(store, file)}`, 'iflag=nocache', 'count=0', 'status=none']);
  }
}

const sequentialRead: Row = {
  key: 'readSequential',
  name: '1 MiB sequential read',
  unit: 'MiB/s',
  extraSeconds: 2,
  prepare: (bench, system) => fill(bench, system, sequentialFile, sequentialMiB),
  async measure(bench, system) {
    await forgetCached(system, sequentialFile);
    // fio makes the measured file system itself forget what it has cached.
    const args = [`--size=${sequentialMiB}M`, '--rw=read', '--bs=1M', '--ioengine=psync', '--invalidate=1'];
    const result = (await fio(bench, system, sequentialFile, args))['read'];
    if (result === undefined) throw new Error('fio measured nothing');
    return result.bw / 1024;
  },
};

const random = ['--bs=4k'];

export const fioRows: readonly Row[] = [
  row('write1', '4 KiB random write, direct, depth 1', 'write', 'operations', [
    '--rw=randwrite',
    ...random,
    ...direct(1),
  ]),
  row('write16', '4 KiB random write, direct, depth 16', 'write', 'operations', [
    '--rw=randwrite',
    ...random,
    ...direct(16),
  ]),
  row('fsync', '4 KiB random write, fsync each', 'write', 'operations', [
    '--rw=randwrite',
    ...random,
    '--ioengine=psync',
    '--fsync=1',
  ]),
  row('writeSequential', '1 MiB sequential write, direct, depth 4', 'write', 'MiB', [
    '--rw=write',
    '--bs=1M',
    ...direct(4),
  ]),
  row('read1', '4 KiB random read, direct, depth 1', 'read', 'operations', ['--rw=randread', ...random, ...direct(1)]),
  row('read16', '4 KiB random read, direct, depth 16', 'read', 'operations', [
    '--rw=randread',
    ...random,
    ...direct(16),
  ]),
  sequentialRead,
];
