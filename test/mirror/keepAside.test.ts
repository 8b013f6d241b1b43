import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { readManifest } from '../../agent/mirror/replica/asideManifest.ts';
import { Pair, settle } from './pairHarness.ts';

let pair: Pair | null = null;
afterEach(async () => {
  await pair?.remove();
  pair = null;
});

const odd = Buffer.from('odd-\xe9', 'latin1');
const at = (directory: string, name: Buffer) => Buffer.concat([Buffer.from(`${directory}/`), name]);

suite('a replica with a history of its own', () => {
  test('is kept aside, and after the resync only what differs is left, whole', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    const image = Buffer.alloc(3 * 1024 * 1024, 'common');
    fs.writeFileSync(path.join(alpha.directory, 'disk.raw'), image);
    fs.mkdirSync(path.join(alpha.directory, 'same', 'deep'), { recursive: true });
    fs.writeFileSync(path.join(alpha.directory, 'same', 'deep', 'file'), 'the same on both');
    fs.mkdirSync(path.join(alpha.directory, 'mixed'));
    fs.writeFileSync(path.join(alpha.directory, 'mixed', 'file'), 'the same on both');
    fs.writeFileSync(at(alpha.directory, odd), 'before');
    fs.writeFileSync(path.join(alpha.directory, 'modes'), 'the same on both');
    await pair.join(alpha, beta);
    await alpha.mirror.release();
    await beta.mirror.release();

    // Two histories.
    await pair.serve(alpha);
    image.write('written on alpha', 70_000);
    fs.writeFileSync(path.join(alpha.directory, 'disk.raw'), image);
    fs.writeFileSync(path.join(alpha.directory, 'mixed', 'only-alpha'), 'made on alpha');
    fs.writeFileSync(at(alpha.directory, odd), 'after!');
    fs.chmodSync(path.join(alpha.directory, 'modes'), 0o600);
    await alpha.mirror.release();
    const { lineage } = await alpha.mirror.record();
    await pair.serve(beta);
    const other = Buffer.alloc(3 * 1024 * 1024, 'common');
    other.write('written on beta', 2_000_000);
    fs.writeFileSync(path.join(beta.directory, 'disk.raw'), other);

    const about = { host: 'alpha', kept: 'beta', reason: 'chosen', lineage, keptLineage: [] };
    const folder = await alpha.mirror.keepAside('alpha-epoch', about);
    expect(readManifest(folder)?.differences).toBeNull();
    await pair.join(beta, alpha);
    // The guest goes on, on what took the place of what was kept.
    other.write('later', 2_500_000);
    fs.writeFileSync(path.join(beta.directory, 'disk.raw'), other);
    await expect.poll(() => readManifest(folder)?.differences).not.toBeNull();
    await expect.poll(() => fs.existsSync(path.join(folder, 'files', 'same'))).toBe(false);

    const found = readManifest(folder)?.differences ?? [];
    const kinds = found.map((each) => `${each.kind} ${Buffer.from(each.path, 'base64').toString('latin1')}`).sort();
    expect(kinds).toEqual(['attributes modes', 'content disk.raw', 'content odd-\xe9', 'removed mixed/only-alpha']);
    const files = path.join(folder, 'files');
    expect(fs.readFileSync(path.join(files, 'disk.raw')).equals(image)).toBe(true);
    expect(fs.readFileSync(at(files, odd), 'utf8')).toBe('after!');
    expect(fs.readdirSync(path.join(files, 'mixed'))).toEqual(['only-alpha']);
    expect(fs.statSync(path.join(files, 'modes')).mode & 0o777).toBe(0o600);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});
