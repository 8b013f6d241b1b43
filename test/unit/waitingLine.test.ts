import { describe, expect, it } from 'vitest';
import { WaitingLine } from '../../agent/mirror/waitingLine.ts';

/** Takes everybody off the line, from the front. */
function taken<T>(line: WaitingLine<T>): T[] {
  const found: T[] = [];
  for (let first = line.first; first !== undefined; first = line.first) {
    found.push(first);
    line.delete(first);
  }
  return found;
}

describe('a waiting line', () => {
  it('gives the one that has waited longest, until that one has left', () => {
    const line = new WaitingLine<string>();
    expect(line.first).toBeUndefined();
    for (const each of ['a', 'b', 'c', 'a']) line.add(each);
    expect([line.first, line.first, line.size]).toEqual(['a', 'a', 3]);
    expect([line.delete('b'), line.delete('b')]).toEqual([true, false]);
    expect(taken(line)).toEqual(['a', 'c']);
  });

  it('puts whoever leaves and comes back behind the others, and takes newcomers after its end', () => {
    const line = new WaitingLine<string>();
    for (const each of ['a', 'b', 'c']) line.add(each);
    expect(line.first).toBe('a');
    line.delete('a');
    line.add('a');
    line.add('d');
    expect([...line]).toEqual(['b', 'c', 'a', 'd']);
    expect(taken(line)).toEqual(['b', 'c', 'a', 'd']);
    expect(line.first).toBeUndefined();
    line.add('a');
    line.add('e');
    expect(taken(line)).toEqual(['a', 'e']);
  });

  it('is emptied as fast when it is long', () => {
    const line = new WaitingLine<number>();
    for (let each = 0; each < 1_000_000; each++) line.add(each);
    const since = performance.now();
    expect(taken(line)).toHaveLength(1_000_000);
    // Milliseconds here, minutes with a set that is asked for its first member.
    expect(performance.now() - since).toBeLessThan(10_000);
  });
});
