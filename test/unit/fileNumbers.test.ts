import { expect, it } from 'vitest';
import { fileNumber, fileSystemOf, fileSystemOfNumber, numberFilesApart } from '../../agent/platform/libc.ts';

it('gives the files of several file systems numbers that differ, and says which ones are too large for that', () => {
  expect(fileNumber(7, 2 ** 50)).toBe(2 ** 50);
  const [first, second, root] = [7, 8, 9];
  // The third directory lies on the file system of the first one.
  numberFilesApart([first, second, first, ...Array<number>(28).fill(first), root]);
  expect(fileNumber(first, 1234)).toBe(1234);
  const numbers = [first, second, root].map((device) => fileNumber(device, 2 ** 48 - 1));
  expect(new Set(numbers).size).toBe(3);
  expect(numbers.map(fileSystemOfNumber)).toEqual([0, 1, 31]);
  expect(numbers.every(Number.isSafeInteger)).toBe(true);
  expect(() => fileNumber(second, 2 ** 48)).toThrow(/EOVERFLOW/);
  expect([first, second, 10].map(fileSystemOf)).toEqual([0, 1, -1]);
  expect(fileNumber(10, 5)).toBe(5);
});
