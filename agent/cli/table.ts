export type Colour = 'none' | 'green' | 'yellow' | 'red' | 'grey' | 'bold';

const sequences: Readonly<Record<Colour, string>> = {
  none: '',
  green: '\u001b[32m',
  yellow: '\u001b[33m',
  red: '\u001b[31m',
  grey: '\u001b[90m',
  bold: '\u001b[1m',
};

export function paint(text: string, colour: Colour, hasColour: boolean): string {
  return hasColour && colour !== 'none' ? `${sequences[colour]}${text}\u001b[0m` : text;
}

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

/** Lines of columns as wide as their widest cell, two blanks between them. Colours do not count as width. */
export function renderTable(rows: readonly (readonly Cell[])[], hasColour: boolean, indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.text.length);
  }
  const lines = rows.map((row) => {
    const cells = row.map((cell, index) => {
      const isLast = index === row.length - 1;
      const padding = isLast ? '' : ' '.repeat((widths[index] ?? 0) - cell.text.length);
      return `${paint(cell.text, cell.colour ?? 'none', hasColour)}${padding}`;
    });
    return `${indent}${cells.join('  ')}`.trimEnd();
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** Text from elsewhere (a guest's last words, say) without the control characters that could play tricks on a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
