import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../../agent/security/certificates.ts';
import { parseAddress } from '../../../extension/client/address.ts';
import { profilesFromEnvironment, profilesFromSetting } from '../../../extension/clusters/configuredProfiles.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'understudy-profiles-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('addresses', () => {
  it.each([
    ['10.77.0.1', { host: '10.77.0.1', port: 4810 }],
    ['alpha.example.com:4999', { host: 'alpha.example.com', port: 4999 }],
    ['wss://alpha/', { host: 'alpha', port: 4810 }],
    ['[fd00::1]:4811', { host: 'fd00::1', port: 4811 }],
    ['fd00::1', { host: 'fd00::1', port: 4810 }],
  ])('%s is understood', (text, address) => expect(parseAddress(text)).toEqual(address));

  it.each([
    ['', /Write the address/],
    ['ws://alpha', /wss:\/\/ only/],
    ['alpha:99999', /no TCP port/],
    ['al pha', /is no address/],
  ])('"%s" is refused with what to write', (text, words) => expect(parseAddress(text)).toMatch(words));
});

describe('clusters from a file or a setting', () => {
  it('reads a file with paths from its own folder', async () => {
    const authority = await createAuthority('site');
    await writeFile(join(folder, 'ca.crt'), authority.certificate);
    const entry = { name: 'site', addresses: ['10.77.0.1'], caFile: 'ca.crt', tokenFile: 'site.token' };
    await writeFile(join(folder, 'cluster.json'), JSON.stringify(entry));
    const profiles = await profilesFromEnvironment({ UNDERSTUDY_CLUSTER_FILE: join(folder, 'cluster.json') });
    expect(profiles).toMatchObject([
      { name: 'site', problem: null, pin: { kind: 'authority' }, tokenFile: join(folder, 'site.token') },
    ]);
  });

  it('takes a fingerprint in any spelling', async () => {
    const fingerprint = 'ab'.repeat(32);
    const [profile] = await profilesFromSetting([{ name: 'site', addresses: ['alpha'], fingerprint }], folder);
    expect(profile?.pin).toEqual({ kind: 'certificate', sha256: Array<string>(32).fill('AB').join(':') });
  });

  it.each([
    [{ addresses: ['alpha'] }, /needs a "name"/],
    [{ name: 'site' }, /"addresses" needs at least one/],
    [{ name: 'site', addresses: ['ws://alpha'] }, /wss:\/\/ only/],
    [{ name: 'site', addresses: ['alpha'] }, /"caFile", or give a "fingerprint"/],
    [{ name: 'site', addresses: ['alpha'], fingerprint: 'ab' }, /32 bytes/],
    [{ name: 'site', addresses: ['alpha'], caFile: 'nowhere.crt' }, /nowhere\.crt/],
  ])('says what is wrong with %j, and loses no other cluster by it', async (entry, words) => {
    const good = { name: 'good', addresses: ['beta'], fingerprint: 'ab'.repeat(32) };
    const profiles = await profilesFromSetting([entry, good], folder);
    expect(profiles[0]?.problem).toMatch(words);
    expect(profiles[1]?.problem).toBeNull();
  });

  it('keeps two clusters of one name apart, and says what to do', async () => {
    const entry = (address: string) => ({ name: 'site', addresses: [address], fingerprint: 'ab'.repeat(32) });
    const profiles = await profilesFromSetting([entry('alpha'), entry('beta'), { name: 'other' }], folder);
    expect(profiles.map(({ name, problem }) => [name, problem])).toMatchObject([
      ['site', null],
      ['site', 'The name "site" stands twice: give each cluster a name of its own.'],
      ['other', expect.stringMatching(/"addresses" needs/) as string],
    ]);
    expect(new Set(profiles.map(({ id }) => id)).size).toBe(3);
  });

  it('says which file cannot be read', async () => {
    const file = join(folder, 'missing.json');
    const [profile] = await profilesFromEnvironment({ UNDERSTUDY_CLUSTER_FILE: file });
    expect(profile?.problem).toContain(file);
    await expect(profilesFromEnvironment({})).resolves.toEqual([]);
  });
});
