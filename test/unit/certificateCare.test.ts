import { mkdtempSync, rmSync } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CertificateCare } from '../../agent/runtime/certificateCare.ts';
import { createAuthority, createHostCertificate, type CertifiedKey } from '../../agent/security/certificates.ts';
import { loadIdentity, storeAuthority, storeIdentity, type Identity } from '../../agent/security/identity.ts';

const dayMs = 24 * 3600 * 1000;
const fromNow = (days: number): Date => new Date(Date.now() + days * dayMs);

let folder: string;
let authority: CertifiedKey;
let said: string[];
let taken: Identity[];
let care: CertificateCare;

beforeAll(async () => {
  authority = await createAuthority('site');
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-care-'));
  [said, taken] = [[], []];
});
afterEach(() => {
  care.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Puts another key and certificate of beta there. */
async function put(days: number | null, by = authority): Promise<void> {
  const validity = days === null ? undefined : { notBefore: fromNow(-1), notAfter: fromNow(days) };
  const own = await createHostCertificate(by, { host: 'beta', addresses: [] }, validity);
  storeIdentity(folder, { authority: by.certificate, ...own });
}

async function start(): Promise<void> {
  care = new CertificateCare({
    configDirectory: folder,
    self: () => ({ host: 'beta', addresses: [] }),
    identity: loadIdentity(folder, 'beta'),
    onNew: (identity) => taken.push(identity),
    log: (level, code, message) => said.push(`${level} ${code} ${message}`),
  });
  await care.start();
}

describe('the certificate of a host whose agent runs', () => {
  it('is looked for by one thread only while its disk does not answer', async () => {
    await put(61);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const looks = vi.spyOn(files, 'stat').mockReturnValue(new Promise(() => undefined));
    syncBuiltinESMExports();
    try {
      void start();
      await vi.advanceTimersByTimeAsync(600_000);
      expect(looks).toHaveBeenCalledTimes(1);
    } finally {
      looks.mockRestore();
      syncBuiltinESMExports();
      vi.useRealTimers();
    }
  });

  it('is of no interest while it is good for long', async () => {
    await put(61);
    await start();
    await care.daily();
    await care.look();
    expect([said, taken]).toEqual([[], []]);
  });

  it('is told of at the start and every day when it ends soon, with what to run', async () => {
    await put(61);
    await start();
    await care.daily(fromNow(2));
    await care.daily(fromNow(3));
    expect(said).toEqual([
      expect.stringMatching(
        /^warn CERTIFICATE_ENDS The certificate of beta ends on .* \(in 58 days\).*token join --host beta.*join --renew/,
      ),
      expect.stringMatching(/in 57 days/),
    ]);
    care.stop();
    await put(10);
    await start();
    expect(said.at(-1)).toMatch(/in 9 days/);
  });

  it('is taken when it is replaced', async () => {
    await put(10);
    await start();
    await put(null);
    await care.look();
    expect(taken).toEqual([loadIdentity(folder, 'beta')]);
    expect(care.identity).toBe(taken[0]);
    expect(said.at(-1)).toMatch(/^info CERTIFICATE_RENEWED beta has a new certificate, good until \d{4}-/);
    await care.look();
    expect(taken).toHaveLength(1);
  });

  it('stays when what is put in its place cannot be used, until that is put in order', async () => {
    await put(null);
    await start();
    const before = care.identity;
    await put(-0.5);
    await care.look();
    await care.look();
    expect(said).toEqual([expect.stringMatching(/^warn CERTIFICATE_NOT_RENEWED .* expired on /)]);
    await put(null, await createAuthority('site'));
    await care.look();
    expect(said.at(-1)).toMatch(/another cluster, for which the agent has to be restarted/);
    expect(care.identity).toBe(before);
    await put(null);
    await care.look();
    expect(taken).toHaveLength(1);
  });

  it('is made anew by the agent itself where the key of the authority is', async () => {
    await put(10);
    storeAuthority(folder, authority);
    await start();
    expect(taken).toHaveLength(1);
    expect(taken[0]?.expires.getTime()).toBeGreaterThan(fromNow(9000).getTime());
    expect(said).toEqual([expect.stringMatching(/^info CERTIFICATE_RENEWED/)]);
  });

  it('is told of for another host, with where to begin', async () => {
    await put(null);
    await start();
    expect(care.notice('alpha', fromNow(61))).toBeNull();
    expect(care.notice('alpha', fromNow(5.5))).toMatch(
      /^The certificate of alpha ends on .*\(in 5 days\).*`understudy token join --host alpha` on the first host says/,
    );
  });
});
