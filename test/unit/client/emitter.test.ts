import { expect, it } from 'vitest';
import { Emitter } from '../../../extension/client/emitter.ts';

it('keeps a listener that throws from the others, and from whoever emits', () => {
  const reported: unknown[] = [];
  const heard: string[] = [];
  const emitter = new Emitter<string>((error) => reported.push(error));
  const failure = new Error('cannot draw this');
  emitter.on(() => {
    throw failure;
  });
  emitter.on((value) => heard.push(value));
  emitter.emit('changed');
  expect(heard).toEqual(['changed']);
  expect(reported).toEqual([failure]);
});
