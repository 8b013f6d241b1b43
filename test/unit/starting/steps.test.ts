import { expect, it } from 'vitest';
import { goBack, runSteps, type Step } from '../../../extension/model/starting/steps.ts';

interface Asked {
  readonly kind: string;
  readonly name: string;
}

const nothing: Asked = { kind: '', name: '' };

/** A person who gives these answers, one after the other; `seen` is what each question found answered before, and where it stood. */
function person(script: readonly (string | typeof goBack | undefined)[]) {
  const left = [...script];
  const seen: string[] = [];
  const step =
    (key: keyof Asked): Step<Asked> =>
    (answers, { step, total }) => {
      seen.push(`${step}/${total} ${key}: ${answers[key]}`);
      const answer = left.shift();
      return Promise.resolve(typeof answer === 'string' ? { ...answers, [key]: answer } : answer);
    };
  return { seen, step, left };
}

it('asks one thing after the other', async () => {
  const { step, seen } = person(['vm', 'web']);
  expect(await runSteps(nothing, () => [step('kind'), step('name')])).toEqual({ kind: 'vm', name: 'web' });
  expect(seen).toEqual(['1/2 kind: ', '2/2 name: ']);
});

it('goes back, with what was answered as the proposal, and not before the first question', async () => {
  const { step, seen } = person([goBack, 'vm', goBack, 'db', 'web']);
  expect(await runSteps(nothing, () => [step('kind'), step('name')])).toEqual({ kind: 'db', name: 'web' });
  expect(seen).toEqual(['1/2 kind: ', '1/2 kind: ', '2/2 name: ', '1/2 kind: vm', '2/2 name: ']);
});

it('ends without an answer when the person gives up', async () => {
  const { step, left } = person(['vm', undefined, 'web']);
  expect(await runSteps(nothing, () => [step('kind'), step('name')])).toBeUndefined();
  expect(left).toEqual(['web']);
});

it('asks what the answers before call for', async () => {
  const { step, seen } = person(['plain']);
  const result = await runSteps(nothing, ({ kind }) =>
    kind === 'plain' ? [step('kind')] : [step('kind'), step('name')],
  );
  expect(result).toEqual({ kind: 'plain', name: '' });
  expect(seen).toEqual(['1/2 kind: ']);
});
