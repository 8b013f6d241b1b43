import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { playScenario } from './scenario.ts';
import { scenarioFiles } from './scenarioFiles.ts';

/** `UNDERSTUDY_REWRITE=1 npx vitest run test/simulation/scenarios.test.ts` writes what is expected anew; read the difference before you commit it. */
const rewrite = process.env['UNDERSTUDY_REWRITE'] === '1';

describe('scenarios of the failover core', () => {
  for (const { path, title, script, expected } of scenarioFiles()) {
    it(title, () => {
      const played = playScenario(script);
      if (rewrite) writeFileSync(path, `${script}---\n${played.join('\n')}\n`);
      else expect(played).toEqual(expected);
    });
  }
});
