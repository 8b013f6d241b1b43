import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../lab/harness/paths.ts';
import { withDiagrams } from './diagram.ts';

const file = path.join(repositoryRoot, 'ARCHITECTURE.md');

it('ARCHITECTURE.md shows the transitions that the core makes (UNDERSTUDY_REWRITE=1 draws them anew)', () => {
  const document = readFileSync(file, 'utf8');
  const drawn = withDiagrams(document);
  if (process.env['UNDERSTUDY_REWRITE'] === '1') writeFileSync(file, drawn);
  else expect(document).toBe(drawn);
});
