import { expect, it } from 'vitest';
import type { Role } from '../../agent/core/types.ts';
import { isServing, type ServedModule } from '../../agent/runtime/isServing.ts';

const running = { at: 'primary', server: { kind: 'running' }, link: { kind: 'both' } } as Role;
const served: ServedModule = { core: { role: running }, serverState: 'running', addresses: { areSet: true } };

it('a module is served where its server runs, its writes are answered, and its addresses are set', () => {
  expect(isServing(served)).toBe(true);
  expect(isServing({ ...served, core: { role: { at: 'stopped' } } })).toBe(false);
  expect(isServing({ ...served, core: { role: { ...running, link: { kind: 'lost' } } as Role } })).toBe(false);
  expect(isServing({ ...served, addresses: { areSet: false } })).toBe(false);
  // The core does not know of it: it goes on by itself, as when there is room on the disk again.
  expect(isServing({ ...served, serverState: 'paused' })).toBe(false);
});
