import { describe, expect, it } from 'vitest';
import { shownFields } from '../../../media/panels/form/filter.ts';
import { form, moduleText } from './samples.ts';

const shown = (search: string, onlySet = false, problems: readonly string[] = []): readonly string[] => [
  ...shownFields(form(moduleText), { search, onlySet }, (id) => problems.includes(id)),
];

describe('the search of the form', () => {
  it('finds fields by their labels and keys, with what they are in', () => {
    expect(shown('detection').toSorted()).toEqual(['failover', 'failover.detection']);
    expect(shown('acknowledgeTimeout').toSorted()).toEqual(['mirror', 'mirror.acknowledgeTimeout']);
    expect(shown('ACKNOWLEDGE time')).toContain('mirror.acknowledgeTimeout');
    expect(shown('nothing of the kind')).toEqual([]);
  });

  it('shows all that is in a section that is found', () => {
    expect(shown('failover')).toContain('failover.detection');
  });

  it('shows only what is set, what has to be, and what has a problem', () => {
    const ids = shown('', true, ['verify.schedule']);
    expect(ids).toContain('failover.detection');
    expect(ids).not.toContain('failover.restarts');
    expect(ids).toContain('verify.schedule');
    expect(ids).toContain('verify');
    expect(ids).not.toContain('hooks');
  });
});
