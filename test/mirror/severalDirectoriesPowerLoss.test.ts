import { describe as suite } from 'vitest';
import {
  bothLosePower,
  bothLosePowerAfterwards,
  primaryLosesPower,
  secondaryLosesPower,
  story,
} from './crashStories.ts';

/** Each on a disk of its own, and all disks of a host lose power at one moment. */
const several = { directories: 2 };

suite('power loss with two directories on two disks', () => {
  story(
    'of the primary: the secondary holds what was durable in both, in one order, serves, and takes it back by a delta',
    primaryLosesPower,
    several,
  );
  story('of the secondary: the primary goes on, and takes it back by a delta', secondaryLosesPower, several);
  for (const firstBack of ['primary', 'secondary'] as const) {
    story(`of both, and the ${firstBack} is back first`, bothLosePower(firstBack), several);
  }
  story(
    'of both after a resync: the one that was brought up to date holds on its disks what was durable',
    bothLosePowerAfterwards('secondary', false),
    several,
  );
  story(
    'of both after a resync, under sixteen direct writes at a time that go on to the disks',
    bothLosePowerAfterwards('secondary'),
    { ...several, use: { writing: 'direct', directIo: 'disk' } },
  );
});
