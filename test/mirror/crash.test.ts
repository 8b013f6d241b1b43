import { describe as suite } from 'vitest';
import type { Use } from './crashPair.ts';
import {
  bothLosePower,
  bothLosePowerAfterwards,
  primaryLosesPower,
  secondaryLosesPower,
  story,
} from './crashStories.ts';

suite('power loss', () => {
  story(
    'of the primary: the secondary holds what was durable, serves, and takes it back by a delta',
    primaryLosesPower,
  );
  story('of the secondary: the primary goes on, and takes it back by a delta', secondaryLosesPower);
  for (const firstBack of ['primary', 'secondary'] as const) {
    story(`of both, and the ${firstBack} is back first`, bothLosePower(firstBack));
  }
});

suite('power loss of both, one after the other, under', () => {
  const uses: Record<string, Use> = {
    'sixteen direct writes at a time': { writing: 'direct', directIo: 'cache' },
    'sixteen direct writes at a time that go on to the disk': { writing: 'direct', directIo: 'disk' },
    'writes to mapped memory': { writing: 'mapped', directIo: 'cache' },
  };
  for (const [name, use] of Object.entries(uses)) {
    story(
      `${name}: the secondary serves what was durable, and so does the first one in its turn`,
      bothLosePowerAfterwards('primary'),
      { use },
    );
  }
});

suite('the mirror process is killed', () => {
  story('on the primary', async (all, random) => {
    const { alpha, beta, guest } = all;
    await alpha.crash();
    await guest.stop();
    await all.serve(beta);
    guest.start(beta.directories);
    await guest.writes(1 + random.below(200));
    await guest.stop();
    await alpha.open();
    await all.rejoin(beta, alpha);
  });

  story('on the secondary', async (all, random) => {
    const { alpha, beta, guest } = all;
    await beta.crash();
    await alpha.event('peerLost');
    await all.goAlone(alpha);
    await guest.writes(1 + random.below(200));
    await guest.stop();
    await beta.open();
    await all.rejoin(alpha, beta);
  });
});
