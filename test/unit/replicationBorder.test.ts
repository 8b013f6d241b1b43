import { describe, expect, test } from 'vitest';
import type { Mutation } from '../../agent/mirror/mutation.ts';
import { crossingOf, isHidden, mayReveal } from '../../agent/mirror/replica/crossing.ts';
import { excludedByPlace, excludedPaths } from '../../agent/mirror/replica/excluded.ts';

const globs = ['*.swp', '/tmp', 'logs/*.old'];
const excluded = excludedPaths(globs);
const byPlace = excludedByPlace(globs);

const rename = (from: string, to: string, flags = 0): Mutation => ({ kind: 'rename', ino: 7, from, to, flags });
const link = (from: string | null, path: string): Mutation => ({ kind: 'link', file: { ino: 7, path: from }, path });
const making = (path: string): Mutation => ({ kind: 'mkdir', ino: 7, path, mode: 0o755, uid: 0, gid: 0 });
const EXCHANGE = 2;

describe('the border of what is replicated', () => {
  test.each<[string, Mutation, boolean]>([
    ['a name that is replicated', making('a'), false],
    ['a name that is not', making('tmp/a'), true],
    ['a rename outside of what is replicated', rename('a.swp', 'tmp/a'), true],
    ['a rename out of it', rename('a', 'tmp/a'), false],
    ['a rename into it', rename('tmp/a', 'a'), false],
    ['a link outside of it', link('tmp/a', 'a.swp'), true],
    ['a first name outside of it', link(null, 'a.swp'), true],
    ['a first name', link(null, 'a'), false],
  ])('the follower need not see what speaks of excluded names only: %s', (_, mutation, expected) => {
    expect(isHidden(mutation, excluded)).toBe(expected);
  });

  test.each<[string, Mutation, { told: boolean; anew: string[] } | null]>([
    ['a rename within what is replicated', rename('a', 'b'), null],
    ['a rename into it', rename('tmp/a', 'b'), { told: false, anew: ['b'] }],
    ['a rename out of it, which may leave a whiteout', rename('a', 'tmp/b'), { told: false, anew: ['a'] }],
    ['an exchange over the border', rename('tmp/a', 'b', EXCHANGE), { told: false, anew: ['b'] }],
    ['a link within it', link('a', 'b'), null],
    ['a link into it', link('tmp/a', 'b'), { told: false, anew: ['b'] }],
    ['a link out of it', link('a', 'tmp/b'), { told: false, anew: [] }],
    ['the first name of a file', link(null, 'b'), { told: false, anew: ['b'] }],
    ['anything else', making('a'), null],
  ])('crossing it decides what the follower gets anew: %s', (_, mutation, expected) => {
    const crossing = crossingOf(mutation, excluded, () => []);
    expect(crossing).toEqual(expected && { mutation, ...expected });
  });

  test('a directory that moves takes names over it, which the follower gets after the move', () => {
    const moved = rename('logs', 'kept');
    expect(crossingOf(moved, excluded, () => ['kept/a.old'])).toEqual({
      mutation: moved,
      told: true,
      anew: ['kept/a.old'],
    });
    // Below what is not replicated nothing is looked for.
    const unseen = () => expect.unreachable('was looked below');
    expect(crossingOf(rename('tmp/a', 'tmp/b'), excluded, unseen)).toBeNull();
    expect(crossingOf(rename('tmp/a', 'b'), excluded, unseen)).not.toBeNull();
  });

  test.each<[Mutation, boolean]>([
    [link('tmp/a', 'b'), true],
    [link('b', 'tmp/a'), false],
    [rename('a', 'b'), false],
    [rename('tmp/a', 'b'), true],
    [rename('logs', 'kept'), true],
    [making('a'), false],
  ])('a file without a replicated name may get one by a change over it', (mutation, expected) => {
    expect(mayReveal(mutation, excluded, byPlace)).toBe(expected);
  });
});
