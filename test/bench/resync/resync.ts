import path from 'node:path';
import type { Lab } from '../../lab/harness/lab.ts';
import { run } from '../../lab/harness/run.ts';
import type { Benchmark } from '../benchmark.ts';
import { withLab } from '../benchLab.ts';
import { MirroredDirectory } from '../mirror/mirroredDirectory.ts';
import { parseOptions, positive } from '../options.ts';
import { median, rounded, spread } from '../statistics.ts';
import { assertEqual, changeImage, changedBytes, makeImage } from './image.ts';
import type { Measurement } from './measurement.ts';
import { RsyncCopy } from './rsync.ts';

/** The image changes through the mirror while the secondary is away; measured is its return, until both are in step and durable. */
async function measureOurs(lab: Lab, mirrored: MirroredDirectory): Promise<Measurement> {
  await mirrored.detach();
  await changeImage(lab.host('alpha'), path.join(mirrored.directory, 'image'));
  // It listens already, as the daemon of rsync does.
  await mirrored.startSecondary();
  const start = performance.now();
  const { progress } = await mirrored.attach();
  const seconds = (performance.now() - start) / 1000;
  if (progress.kind !== 'delta') throw new Error(`a full resync: ${progress.cause}`);
  const [one = '', other = ''] = mirrored.stores.map((store) => path.join(store, 'image'));
  await assertEqual(one, other);
  return { seconds, bytes: progress.sent };
}

const secondsOf = (each: Measurement) => each.seconds;
const bytesOf = (each: Measurement) => each.bytes;

function tableOf(ours: readonly Measurement[], rsync: readonly Measurement[]): string {
  const line = (name: string, measured: readonly Measurement[]) => {
    const [seconds, bytes] = [measured.map(secondsOf), measured.map(bytesOf)];
    const times = rounded(median(bytes) / changedBytes);
    return `${name.padEnd(6)} ${rounded(median(seconds))} s ±${Math.round(spread(seconds) * 50)}%, ${median(bytes)} bytes (${times} x what changed)`;
  };
  const faster = rounded(median(rsync.map(secondsOf)) / median(ours.map(secondsOf)));
  return [
    `2 GiB image, 1 GiB of it data, ${changedBytes} bytes changed in blocks of 4 KiB`,
    line('ours', ours),
    line('rsync', rsync),
    `ours is ${faster} times as fast`,
  ].join('\n');
}

/** `npm run bench -- resync [--json] [--rounds N]` */
export const resync: Benchmark = {
  async run({ args, say }) {
    const options = parseOptions(args, ['rounds']);
    const rounds = positive('rounds', options.rounds, 5);
    return withLab(async (lab) => {
      say('Making both images');
      const copy = await RsyncCopy.make(lab);
      const mirrored = await MirroredDirectory.open(lab, 'ours', null, 'cache');
      await makeImage(lab.host('alpha'), path.join(mirrored.directory, 'image'));
      const ours: Measurement[] = [];
      const rsync: Measurement[] = [];
      const settle = () => run(['sync', '-f', lab.directory], { timeoutMs: 120_000 });
      const note = (name: string, round: number, { seconds, bytes }: Measurement) =>
        say(`round ${round + 1} of ${rounds}, ${name}: ${rounded(seconds)} s, ${bytes} bytes`);
      for (let round = 0; round < rounds; round++) {
        await settle();
        ours.push(await measureOurs(lab, mirrored));
        note('ours', round, ours[round] as Measurement);
        await settle();
        rsync.push(await copy.measure());
        note('rsync', round, rsync[round] as Measurement);
      }
      await mirrored.stop();
      const result = {
        changedBytes,
        bytes: median(ours.map(bytesOf)),
        seconds: rounded(median(ours.map(secondsOf))),
        rsyncSeconds: rounded(median(rsync.map(secondsOf))),
        rsyncBytes: median(rsync.map(bytesOf)),
      };
      return { table: tableOf(ours, rsync), result };
    });
  },
};
