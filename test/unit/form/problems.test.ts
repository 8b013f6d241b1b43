import { describe, expect, it } from 'vitest';
import { severityOf } from '../../../extension/model/form/problems.ts';
import { severityWord, summaryOf } from '../../../media/panels/form/words.ts';

describe('what is told of a file in its form', () => {
  it('is a note when the editor has it as information or a hint', () => {
    expect([0, 1, 2, 3].map(severityOf)).toEqual(['error', 'warning', 'note', 'note']);
    expect(severityWord('note')).toBe('Note');
  });

  it.each([
    [[], 'No problems.'],
    [['note'], 'No problems, 1 note.'],
    [['error', 'note', 'note'], '1 error, 0 warnings, 2 notes.'],
    [['error', 'error', 'warning'], '2 errors, 1 warning.'],
  ] as const)('is counted: %j as %s', (severities, expected) => {
    expect(summaryOf(severities.map((severity) => ({ severity })))).toBe(expected);
  });
});
