import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Configuration } from '../../agent/config/configuration.ts';
import { makeEnrol } from '../../agent/runtime/enrol.ts';
import { createAuthority, createRequest } from '../../agent/security/certificates.ts';
import { storeAuthority } from '../../agent/security/identity.ts';
import { JoinTokens, parseJoinToken } from '../../agent/security/joinTokens.ts';
import type { EnrolParams, EnrolResult } from '../../schemas/generated/api.ts';

let folder: string;
let tokens: JoinTokens;
let enrol: (params: EnrolParams) => Promise<EnrolResult>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-enrol-'));
  mkdirSync(join(folder, 'tls'), { mode: 0o700 });
  storeAuthority(folder, await createAuthority('site'));
  tokens = new JoinTokens(folder);
  const made = makeEnrol({
    directory: folder,
    agent: { stateDirectory: folder },
    cluster: { hosts: [{ name: 'beta', addresses: [] }] },
    version: 1,
    files: { 'site.cluster.jsonc': '{}' },
  } as unknown as Configuration);
  if (!made) throw new Error('this host certifies nobody');
  enrol = made;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const secretFor = (host: string): string => parseJoinToken(tokens.create(host, 'a'.repeat(43))).secret;

describe('who joins', () => {
  it('has to have a token before anything of the request is looked at', async () => {
    const secret = 's'.repeat(43);
    await expect(enrol({ host: 'beta', secret, request: 'rubbish' })).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
    // Nor are the hosts of the cluster told to anybody.
    await expect(enrol({ host: 'delta', secret, request: '' })).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
  });

  it('keeps the token when the request is of no use, and is certified once for it', async () => {
    const secret = secretFor('beta');
    const { request } = await createRequest('beta');
    await expect(enrol({ host: 'beta', secret, request: 'rubbish' })).rejects.toMatchObject({ code: 'REQUEST_BROKEN' });
    const both = [enrol({ host: 'beta', secret, request }), enrol({ host: 'beta', secret, request })];
    const [first, second] = await Promise.allSettled(both);
    expect(first?.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'TOKEN_USED' } });
  });

  it('is one at a time', async () => {
    const secret = secretFor('beta');
    const done: string[] = [];
    const ask = (request: string): Promise<unknown> =>
      enrol({ host: 'beta', secret, request }).then(
        () => done.push('certified'),
        () => done.push('refused'),
      );
    const { request } = await createRequest('beta');
    await Promise.all([ask('rubbish'), ask(request), ask(request)]);
    expect(done).toEqual(['refused', 'certified', 'refused']);
  });
});
