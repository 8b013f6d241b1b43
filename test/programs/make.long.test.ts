import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

const PARTS = 120;

const makefile = `
parts := $(patsubst src/%.in,out/%.sorted,$(wildcard src/*.in))
all: out/summary
out:
	mkdir out
out/%.sorted: src/%.in | out
	sort $< > $@.tmp
	mv $@.tmp $@
out/summary: $(parts)
	cat $^ | cksum > $@
clean:
	rm -r out
`;

describe.skipIf(noMirror !== null)('make', () => {
  const pair = useMirroredPair();
  const make = (...args: string[]) => pair().run(['make', '-s', '-j4', ...args]);

  it('builds, by the times of files, what is older than its source and nothing else', async () => {
    fs.writeFileSync(pair().at('Makefile'), makefile);
    fs.mkdirSync(pair().at('src'));
    for (let each = 0; each < PARTS; each++) {
      const lines = Array.from({ length: 100 }, (_, line) => (line * 7919 * (each + 1)) % 1000);
      fs.writeFileSync(pair().at('src', `part${each}.in`), `${lines.join('\n')}\n`);
    }
    const inodes = () =>
      fs.readdirSync(pair().at('out')).map((name) => `${name} ${fs.statSync(pair().at('out', name)).ino}`);
    await make();
    const built = inodes();
    expect(built).toHaveLength(PARTS + 1);
    await make('--question');
    await make();
    expect(inodes()).toEqual(built);
    fs.appendFileSync(pair().at('src', 'part17.in'), '1\n');
    await make();
    const again = inodes();
    expect(again.filter((each) => !built.includes(each)).map((each) => each.split(' ')[0])).toEqual(['part17.sorted']);
    await make('clean');
    await make();
  });

  it('leaves both replicas equal', async () => {
    await pair().expectEqualReplicas();
  });
});
