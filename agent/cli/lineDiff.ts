/** Lines beside a difference that are shown, to tell where it is. */
const context = 3;
/** Beyond this many lines each, files are shown as one difference: comparing takes lines times lines. */
const longest = 4000;

type Edit = readonly [sign: ' ' | '-' | '+', line: string];

/** The difference of two texts, line by line, as `diff -u` shows it; empty: there is none. */
export function lineDiff(before: string, after: string, names: readonly [string, string]): string {
  if (before === after) return '';
  const edits = editsOf(linesOf(before), linesOf(after));
  const shown = edits.map((_, index) =>
    edits.slice(Math.max(0, index - context), index + context + 1).some(([sign]) => sign !== ' '),
  );
  const parts = [`--- ${names[0]}`, `+++ ${names[1]}`];
  let [oldLine, newLine] = [1, 1];
  edits.forEach(([sign, line], index) => {
    if (shown[index]) {
      if (!shown[index - 1]) parts.push(`@@ -${String(oldLine)} +${String(newLine)} @@`);
      parts.push(`${sign}${line}`);
    }
    if (sign !== '+') oldLine += 1;
    if (sign !== '-') newLine += 1;
  });
  return `${parts.join('\n')}\n`;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** By the longest common subsequence of what is between the lines that both begin and end with. */
function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => [' ', line]);
  return [
    ...same(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): Edit[] {
  const gone = (lines: readonly string[]): Edit[] => lines.map((line) => ['-', line]);
  const fresh = (lines: readonly string[]): Edit[] => lines.map((line) => ['+', line]);
  if (before.length > longest || after.length > longest) return [...gone(before), ...fresh(after)];
  // common[i][j]: how many lines the rests from i and from j have in common.
  const width = after.length + 1;
  const common = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    const [old, line] = [before[i] ?? '', after[j] ?? ''];
    if (old === line) {
      edits.push([' ', old]);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      edits.push(['-', old]);
      i += 1;
    } else {
      edits.push(['+', line]);
      j += 1;
    }
  }
  return [...edits, ...gone(before.slice(i)), ...fresh(after.slice(j))];
}
