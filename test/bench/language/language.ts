import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../../ui/repositoryRoot.ts';
import { untilSignal } from '../benchLab.ts';
import type { Benchmark } from '../benchmark.ts';
import { parseOptions, wholeNumber } from '../options.ts';
import { rounded, median } from '../statistics.ts';
import { ours, yamlLanguageServer } from './contender.ts';
import type { Contender } from './contender.ts';
import { writeFiles } from './files.ts';
import { measure } from './measure.ts';
import type { Sample, Task } from './measure.ts';
import { figuresOf, tableOf, workOf } from './report.ts';
import { keystrokesIn } from './typing.ts';

/** `npm run bench -- language [--json] [--files N] [--open N] [--keystrokes N] [--rounds N]` */
export const language: Benchmark = {
  async run({ args, say }) {
    const options = parseOptions(args, ['files', 'open', 'keystrokes', 'rounds']);
    const size = {
      files: wholeNumber('files', options.files, 500),
      openFiles: wholeNumber('open', options.open, 20),
      keystrokes: wholeNumber('keystrokes', options.keystrokes, 240),
      rounds: wholeNumber('rounds', options.rounds, 5),
    };
    if (size.openFiles > size.files) throw new Error(`--open ${size.openFiles} is more than there are files`);
    const contenders = [ours(), yamlLanguageServer()] as const;
    const [own, peer] = contenders;
    const samples = new Map<Contender, Sample[]>(contenders.map((each) => [each, []]));
    await inFolder(async (folder, signal) => {
      const schema = await writeSchema(folder);
      const tasks: Task[] = [];
      for (const contender of contenders) {
        const place = join(folder, contender.name);
        const files = await writeFiles(place, contender, size.files);
        const texts = files.slice(0, size.openFiles).map(({ text }) => text);
        const keystrokes = keystrokesIn(texts, size.keystrokes);
        tasks.push({ contender, folder: place, schema, files, openFiles: size.openFiles, keystrokes, signal });
      }
      for (let round = 1; round <= size.rounds; round++) {
        for (const task of tasks) {
          const sample = await measure(task);
          samples.get(task.contender)?.push(sample);
          say(`round ${round} of ${size.rounds}, ${task.contender.name}: ${described(sample)}`);
        }
      }
    });
    const [figures, others] = contenders.map((each) => figuresOf(samples.get(each) ?? []));
    if (figures === undefined || others === undefined) throw new Error('nothing was measured');
    const result = {
      ...size,
      ...figures,
      peer: {
        name: peer.name,
        version: peer.version,
        ...others,
        delayMs: peer.delayMs,
        keystrokeWithoutDelayMs: workOf(others, peer.delayMs),
      },
    };
    return { table: tableOf(figures, others, peer, size), result: { version: own.version, ...result } };
  },
};

function described({ firstDiagnosticsMs, keystrokesMs, rssMiB }: Sample): string {
  return `first ${Math.round(firstDiagnosticsMs)} ms, key press ${rounded(median(keystrokesMs))} ms, RSS ${Math.round(rssMiB)} MiB`;
}

/** The schema of modules that both go by, without the address at which it is published: nothing is fetched from there. */
async function writeSchema(folder: string): Promise<string> {
  const source = await readFile(join(repositoryRoot(), 'schemas/source/module.schema.json'), 'utf8');
  const { $id: _, ...schema } = JSON.parse(source) as { $id: string };
  const path = join(folder, 'module.schema.json');
  await writeFile(path, JSON.stringify(schema));
  return pathToFileURL(path).toString();
}

/** Runs `work` in a folder of its own, which is gone afterwards, with what was started there. Ctrl-C and the like end it with an error. */
async function inFolder(work: (folder: string, signal: AbortSignal) => Promise<void>): Promise<void> {
  const received = untilSignal();
  const stopped = received.received.then((name) => Promise.reject(new Error(`stopped by ${name}`)));
  stopped.catch(() => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'understudy-language-'));
  const ended = new AbortController();
  try {
    await Promise.race([work(folder, ended.signal), stopped]);
  } finally {
    received.forget();
    ended.abort();
    await rm(folder, { recursive: true, force: true });
  }
}
