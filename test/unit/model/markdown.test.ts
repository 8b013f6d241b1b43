import { expect, it } from 'vitest';
import { plain } from '../../../extension/model/markdown.ts';

it.each([
  ['alpha is in WAIT', 'alpha is in WAIT'],
  ['see [here](http://evil) *now*', 'see \\[here\\]\\(http\\:\\/\\/evil\\) \\*now\\*'],
  ['<img src=x>', '\\<img src\\=x\\>'],
  ['$(error) lost', '\\\\\\$\\(error\\) lost'],
  ['$(5)', '\\\\\\$\\(5\\)'],
  ['line\n\n# one', 'line \\# one'],
  ['größer als 3 µs', 'größer als 3 µs'],
])('%s is shown as it is', (text, markdown) => expect(plain(text)).toBe(markdown));
