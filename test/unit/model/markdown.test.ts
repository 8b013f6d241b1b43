import { expect, it } from 'vitest';
import { onLine, plain } from '../../../extension/model/markdown.ts';

it.each([
  ['alpha is in WAIT', 'alpha is in WAIT'],
  ['see [here](http://evil) *now*', 'see \\[here\\]\\(http\\:\\/\\/evil\\) \\*now\\*'],
  ['<img src=x>', '\\<img src\\=x\\>'],
  ['$(error) lost', '\\\\\\$\\(error\\) lost'],
  ['$(5)', '\\\\\\$\\(5\\)'],
  ['line\n\n# one', 'line \\# one'],
  ['größer als 3 µs', 'größer als 3 µs'],
])('%s is shown as it is', (text, markdown) => expect(plain(text)).toBe(markdown));

it('is one line without icons of its own where there is no Markdown', () => {
  expect(onLine('$(error) lost\nand found', 40)).toBe('\\$(error) lost and found');
  expect(onLine('12345', 4)).toBe('123…');
});
