import type { Finding, Outcome } from '../findings.ts';
import { printable } from '../printable.ts';

/** What a person reads after an import. */
export interface Report {
  /** What was imported, for people, such as "web.safe". */
  readonly source: string;
  readonly module: string;
  /** Why there is no module file; null: there is one. */
  readonly impossible: string | null;
  /** Whole sentences, in their order. */
  readonly toDo: readonly string[];
  /** Where SafeKit and Understudy differ whatever the module says. */
  readonly differences: readonly string[];
  /** Every element, attribute and text of the configuration, in its order. */
  readonly configuration: readonly Finding[];
  /** Every file of the module. */
  readonly files: readonly Finding[];
  /** Lines of the configuration with elements that are commented out. */
  readonly commentedOut: readonly number[];
}

export const outcomeWords: Readonly<Record<Outcome, string>> = {
  taken: 'taken over',
  translated: 'translated',
  unsupported: 'not supported',
  unknown: 'meaning not known',
};

/** How many of each outcome there are, in the order in which they are told. */
export function countOutcomes({ configuration, files }: Report): readonly (readonly [Outcome, number])[] {
  return (Object.keys(outcomeWords) as Outcome[]).map((outcome) => [
    outcome,
    [...configuration, ...files].filter((finding) => finding.outcome === outcome).length,
  ]);
}

/** The report as Markdown without HTML; foreign texts stand in code spans. */
export function reportText(report: Report): string {
  const { source, module, impossible, toDo, differences, configuration, files, commentedOut } = report;
  const counts = countOutcomes(report)
    .map(([outcome, count]) => `${String(count)} ${outcomeWords[outcome]}`)
    .join(', ');
  const parts = [
    `# Import of ${code(source)}`,
    impossible === null
      ? `It became the module ${code(module)}. Of its elements, attributes and files: ${counts}.`
      : `**There is no module file.** ${plain(impossible)} The tables tell what would become of its parts. Of its elements, attributes and files: ${counts}.`,
  ];
  if (impossible === null && toDo.length > 0) {
    parts.push(
      '## What is left to you',
      toDo.map((sentence, index) => `${String(index + 1)}. ${plain(sentence)}`).join('\n'),
    );
  }
  if (impossible === null) {
    parts.push(
      '## What is different, whatever the file says',
      differences.map((sentence) => `- ${plain(sentence)}`).join('\n'),
    );
  }
  parts.push(
    '## userconfig.xml',
    table(['Where', 'Line', 'Value', 'Outcome', 'What became of it'], configuration.map(configurationRow)),
  );
  if (commentedOut.length > 0) {
    const lines = commentedOut.map(String).join(', ');
    parts.push(
      `Comments are not taken over. Those of line ${lines} hold elements that are commented out: they have no effect, here as there.`,
    );
  }
  if (files.length > 0) {
    parts.push('## Files', table(['File', 'Outcome', 'What became of it'], files.map(fileRow)));
  }
  return `${parts.join('\n\n')}\n`;
}

function configurationRow({ path, line, value, outcome, says }: Finding): readonly string[] {
  return [
    code(path),
    line === null ? '' : String(line),
    value === null ? '' : code(value),
    outcomeWords[outcome],
    plain(says),
  ];
}

function fileRow({ path, outcome, says }: Finding): readonly string[] {
  return [code(path), outcomeWords[outcome], plain(says)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A foreign text as a code span of a table: nothing in it is Markdown. */
function code(text: string): string {
  const line = printable(text).replaceAll('|', '\\|');
  if (line.trim() === '') return '(empty)';
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** Our own words may quote foreign ones: what would be Markdown or HTML is taken literally. Commands of ours stay code. */
function plain(text: string): string {
  return oneLine(text)
    .split(/(`understudy[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part.replaceAll('|', '\\|') : part.replace(/[\\`<>[\]|*_]/g, '\\$&')))
    .join('');
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]+/gu, ' ');
}
