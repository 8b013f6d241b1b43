import { median, quantile, rounded } from '../statistics.ts';
import type { Contender } from './contender.ts';
import type { Sample } from './measure.ts';

/** Medians over the rounds, of key presses over all of them; milliseconds and MiB. */
export interface Figures {
  readonly firstDiagnosticsMs: number;
  readonly allFilesMs: number | null;
  readonly keystrokeMs: { readonly median: number; readonly p99: number };
  readonly rssMiB: number;
  readonly allOpen: { readonly ms: number; readonly rssMiB: number };
}

export function figuresOf(samples: readonly Sample[]): Figures {
  const of = (value: (sample: Sample) => number): number => rounded(median(samples.map(value)));
  const keystrokes = samples.flatMap(({ keystrokesMs }) => keystrokesMs);
  return {
    firstDiagnosticsMs: of(({ firstDiagnosticsMs }) => firstDiagnosticsMs),
    allFilesMs: samples.some(({ allFilesMs }) => allFilesMs === null) ? null : of(({ allFilesMs }) => allFilesMs ?? 0),
    keystrokeMs: { median: rounded(median(keystrokes)), p99: rounded(quantile(keystrokes, 0.99)) },
    rssMiB: of(({ rssMiB }) => rssMiB),
    allOpen: { ms: of(({ allOpenMs }) => allOpenMs), rssMiB: of(({ allOpenRssMiB }) => allOpenRssMiB) },
  };
}

/** What the product promises. */
const wanted = { firstDiagnosticsMs: 1000, keystrokeMs: { median: 30, p99: 100 }, rssMiB: 150 } as const;

type Line = readonly [title: string, ours: number, peer: number | null, wanted?: number];

/** For people: both, with ratios, and what the figures do not tell by themselves. */
export function tableOf(
  ours: Figures,
  peer: Figures,
  { name, version, delayMs }: Contender,
  size: { readonly files: number; readonly openFiles: number; readonly keystrokes: number; readonly rounds: number },
): string {
  const work = workOf(peer, delayMs);
  const lines: readonly Line[] = [
    ['first diagnostics, ms', ours.firstDiagnosticsMs, peer.firstDiagnosticsMs, wanted.firstDiagnosticsMs],
    ['all files checked, ms', ours.allFilesMs ?? Number.NaN, peer.allFilesMs],
    ['key press, median, ms', ours.keystrokeMs.median, peer.keystrokeMs.median, wanted.keystrokeMs.median],
    ['  less the peer’s wait', ours.keystrokeMs.median, work.median],
    ['key press, p99, ms', ours.keystrokeMs.p99, peer.keystrokeMs.p99, wanted.keystrokeMs.p99],
    ['  less the peer’s wait', ours.keystrokeMs.p99, work.p99],
    [`RSS, ${size.openFiles} files open, MiB`, ours.rssMiB, peer.rssMiB, wanted.rssMiB],
    ['all files opened, ms', ours.allOpen.ms, peer.allOpen.ms],
    ['RSS, all files open, MiB', ours.allOpen.rssMiB, peer.allOpen.rssMiB],
  ];
  const cell = (value: number | null | undefined): string => (value ?? '-').toString();
  const rows = [
    ['', 'ours', name, 'peer/ours', 'wanted'],
    ...lines.map(([title, own, other, most]) => [
      title,
      cell(own),
      cell(other),
      cell(other === null ? null : rounded(other / own)),
      most === undefined ? '' : `≤ ${most}`,
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const aligned = rows.map((row) =>
    row.map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0))),
  );
  return [
    `${size.files} files of modules, ${size.openFiles} of them open; ${size.keystrokes} key presses in each of ${size.rounds} rounds`,
    ...aligned.map((row) => row.join('  ').trimEnd()),
    `${name} ${version} checks files that are open, each by itself. Ours has all ${size.files} read and checks them with one another and`,
    `with the cluster's file, whatever is open. ${name} waits ${delayMs} ms after a key press before it looks; ours waits 4 ms.`,
  ].join('\n');
}

/** Key presses without the time for which a server waits before it looks. */
export function workOf({ keystrokeMs }: Figures, delayMs: number): Figures['keystrokeMs'] {
  return { median: rounded(keystrokeMs.median - delayMs), p99: rounded(keystrokeMs.p99 - delayMs) };
}
