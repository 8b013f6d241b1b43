import type { SchemaJson } from '../../../../schemas/schemaNodes.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import { writtenQuantity } from '../../../../schemas/unitWords.ts';
import { replaceWith } from './fix.ts';
import type { Fixer } from './fix.ts';

const unitsOf: Readonly<Record<string, readonly string[]>> = {
  duration: ['s', 'ms', 'm', 'h'],
  size: ['MiB', 'GiB', 'KiB'],
  rate: ['MiB/s', 'GiB/s', 'KiB/s'],
};

/** Each unit as so many of a smaller one. */
const smaller: Readonly<Record<string, readonly [count: number, unit: string]>> = {
  s: [1000, 'ms'],
  m: [60, 's'],
  h: [60, 'm'],
  d: [24, 'h'],
  MiB: [1024, 'KiB'],
  GiB: [1024, 'MiB'],
};

/** A bare number gets a unit, which somebody has to choose; a part of a unit is written in a smaller one. */
export const convertUnits: Fixer = (context) => {
  const { diagnostic, document, path, node } = context;
  if (node === null || diagnostic.suggestion !== null) return [];
  if (diagnostic.code !== 'wrong-type' && diagnostic.code !== 'bad-value') return [];
  const schema = schemaAt(document, path)?.branch ?? {};
  const units = unitsOf[String(schema['unit'])];
  if (units === undefined) return [];
  const text = String(node.value as unknown).trim();
  if (/^\d{1,9}$/.test(text)) {
    return units
      .map((unit) => `${Number(text)}${unit}`)
      .filter((value) => isAllowed(value, schema))
      .map((value) => ({ title: `Change to "${value}"`, edits: replaceWith(context, value) }));
  }
  const whole = wholeNumberOf(text, schema);
  if (whole === null) return [];
  return [{ title: `Change to "${whole}"`, edits: replaceWith(context, whole), isPreferred: true, isClear: true }];
};

/** "1.5GiB" is "1536MiB", and "1.5 min" is "90s". Null: it is nothing of the kind, or no whole number of any unit. */
function wholeNumberOf(text: string, schema: SchemaJson): string | null {
  const written = writtenQuantity(text, schema['unit']);
  if (written === null) return null;
  let amount = Number(written.amount);
  let { unit } = written;
  while (!Number.isInteger(amount)) {
    const next = smaller[unit];
    if (next === undefined) return null;
    // Tenths and hundredths are not exact in binary.
    amount = Math.round(amount * next[0] * 1e6) / 1e6;
    unit = next[1];
  }
  const value = `${amount}${unit}${written.suffix}`;
  return isAllowed(value, schema) ? value : null;
}

function isAllowed(value: string, schema: SchemaJson): boolean {
  return typeof schema['pattern'] === 'string' && new RegExp(schema['pattern']).test(value);
}
