import { expect, test } from 'vitest';
import { pathOfShown, shownPath } from '../../agent/mirror/replica/roots.ts';

test('a path of several directories is shown as that of the host, and found again', () => {
  const directories = ['/srv/vm/web', '/srv/data', '/srv/data2'];
  const shown = { '0/disk.raw': '/srv/vm/web/disk.raw', '2/a/b': '/srv/data2/a/b', '1': '/srv/data' };
  for (const [path, whole] of Object.entries(shown)) {
    expect(shownPath(directories, path)).toBe(whole);
    expect(pathOfShown(directories, whole)).toBe(path);
  }
  expect(shownPath(['/srv/vm/web'], '1/a')).toBe('1/a');
  expect(pathOfShown(['/srv/vm/web'], '1/a')).toBe('1/a');
});
