import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../../lab/harness/lab.ts';
import { assertEqual, changeImage, makeImage } from './image.ts';
import type { Measurement } from './measurement.ts';

const folder = '/srv/rsync';
const image = `${folder}/image`;
const port = 873;

const daemon = `use chroot = no
uid = root
gid = root
[copy]
path = ${folder}
read only = no
`;

/** An image on host alpha that rsync copies to its daemon on host beta. */
export class RsyncCopy {
  private constructor(private readonly lab: Lab) {}

  static async make(lab: Lab): Promise<RsyncCopy> {
    for (const name of ['alpha', 'beta'] as const) await lab.host(name).run(['mkdir', folder]);
    const [alpha, beta] = [lab.host('alpha'), lab.host('beta')];
    await beta.run(['tee', '/etc/rsyncd-bench.conf'], { input: daemon });
    const server = ['rsync', '--daemon', '--no-detach', '--config=/etc/rsyncd-bench.conf', `--port=${port}`];
    const started = beta.spawn(server);
    started.stdout?.resume();
    started.stderr?.pipe(process.stderr);
    started.unref();
    await makeImage(alpha, image);
    const copy = new RsyncCopy(lab);
    await copy.#untilListening();
    // The first copy whole: fewer bytes do not matter yet.
    await copy.#rsync('--whole-file');
    return copy;
  }

  async measure(): Promise<Measurement> {
    await changeImage(this.lab.host('alpha'), image);
    const start = performance.now();
    // The block size with which it is fastest and sends least here: the one in which the image changes.
    const said = await this.#rsync('--no-whole-file', '--block-size=4096');
    const seconds = (performance.now() - start) / 1000;
    const count = (what: string) =>
      Number(new RegExp(`Total bytes ${what}: ([\\d,]+)`).exec(said)?.[1]?.replaceAll(',', ''));
    await assertEqual(this.lab.host('alpha').outside(image), this.lab.host('beta').outside(image));
    return { seconds, bytes: count('sent') + count('received') };
  }

  #rsync(...options: string[]): Promise<string> {
    const target = `rsync://${this.lab.host('beta').address('lan')}:${port}/copy/image`;
    // Times are not compared: the size stays the same, and a change within the second must be seen.
    const argv = ['rsync', '--inplace', '--ignore-times', '--stats', '--no-human-readable', ...options, image, target];
    return this.lab.host('alpha').run(argv, { timeoutMs: 300_000 });
  }

  async #untilListening(): Promise<void> {
    const target = `rsync://${this.lab.host('beta').address('lan')}:${port}/copy/`;
    for (let tries = 0; (await this.lab.host('alpha').exec(['rsync', target])).code !== 0; tries++) {
      if (tries > 100) throw new Error('The rsync daemon on beta does not answer.');
      await delay(50);
    }
  }
}
