import type { SchemaJson } from './schemaNodes.ts';

const units: Readonly<Record<string, readonly (readonly [unit: string, name: string])[]>> = {
  duration: [
    ['ms', 'milliseconds'],
    ['s', 'seconds'],
    ['m', 'minutes'],
    ['h', 'hours'],
    ['d', 'days'],
  ],
  size: [
    ['MiB', '1024² bytes'],
    ['GiB', '1024³ bytes'],
    ['KiB', '1024 bytes'],
  ],
  rate: [
    ['MiB/s', '1024² bytes a second'],
    ['GiB/s', '1024³ bytes a second'],
    ['KiB/s', '1024 bytes a second'],
  ],
};

const usual: Readonly<Record<string, readonly string[]>> = {
  duration: ['500ms', '1s', '3s', '10s', '30s', '1m', '10m', '1h', '1d'],
  size: ['512MiB', '1GiB', '2GiB', '4GiB', '8GiB', '16GiB'],
  rate: ['10MiB/s', '50MiB/s', '100MiB/s', '500MiB/s', '1GiB/s'],
};

/** Words besides quantities that some keys allow. */
const words = ['never', 'off', 'auto', 'adaptive', 'unlimited', 'always'];

/** Durations, sizes or rates that a schema allows: a number that was typed in each of its units, or the usual ones. */
export function quantitiesFor(
  schema: SchemaJson,
  typed: string,
): readonly { readonly value: string; readonly detail: string }[] {
  const { unit, pattern } = schema;
  if (typeof unit !== 'string' || typeof pattern !== 'string') return [];
  const known = units[unit];
  if (known === undefined) return [];
  const isAllowed = new RegExp(pattern);
  const number = /^\d{1,9}/.exec(typed)?.[0];
  const quantities =
    number === undefined
      ? (usual[unit] ?? []).map((value) => ({ value, detail: unit }))
      : known.map(([each, name]) => ({ value: `${Number(number)}${each}`, detail: name }));
  return [...words.map((value) => ({ value, detail: '' })), ...quantities].filter(({ value }) => isAllowed.test(value));
}
