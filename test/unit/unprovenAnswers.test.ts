import { expect, it } from 'vitest';
import { UnprovenAnswers } from '../../agent/host/unprovenAnswers.ts';
import type { LinkResponse } from '../../schemas/generated/link.ts';

const answerTo = (id: number): LinkResponse => ({ type: 'response', id, result: {}, error: null });

it('keeps the answers that were sent after what has arrived, and not more than some', () => {
  const answers = new UnprovenAnswers();
  for (const at of [1, 2, 3]) answers.add(answerTo(at), at);
  answers.arrived(2);
  expect(answers.take().map(({ id }) => id)).toEqual([2, 3]);
  expect(answers.take()).toEqual([]);
  for (let id = 0; id < 1000; id += 1) answers.add(answerTo(id), 5);
  expect(answers.take().map(({ id }) => id)).toEqual(Array.from({ length: 32 }, (_, index) => 968 + index));
});
