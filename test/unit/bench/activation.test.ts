import { expect, it } from 'vitest';
import { timesIn } from '../../bench/activation/activationTimes.ts';

it('reads the times of one extension from VS Code’s table', () => {
  const line =
    '| understudy.understudy     | false | 31        | 9             | 4  | onView:understudy.clusters | understudy.understudy |';
  expect(timesIn(line, 'understudy.understudy')).toEqual({ loadMs: 31, callMs: 9, finishMs: 4 });
  expect(timesIn(line, 'vscode.git')).toBeNull();
  expect(timesIn('| understudy.understudy | takes long |', 'understudy.understudy')).toBeNull();
  expect(timesIn('| understudy.understudy | true | | | | |', 'understudy.understudy')).toBeNull();
});
