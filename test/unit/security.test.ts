import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createAuthority,
  createHostCertificate,
  createRequest,
  fingerprint,
  signRequest,
} from '../../agent/security/certificates.ts';
import type { CertifiedKey, Validity } from '../../agent/security/certificates.ts';
import { endNotice, endOf } from '../../agent/security/certificateEnd.ts';
import { ClientTokens, localTokenFile } from '../../agent/security/clientTokens.ts';
import {
  identityFiles,
  loadAuthority,
  loadIdentity,
  storeAuthority,
  storeCertificate,
  storeIdentity,
} from '../../agent/security/identity.ts';
import type { Identity } from '../../agent/security/identity.ts';
import { JoinTokens, parseJoinToken } from '../../agent/security/joinTokens.ts';
import { renewWhereCertified } from '../../agent/security/renew.ts';
import { readSecret, writeSecret } from '../../agent/security/secretFile.ts';
import { agentClientOptions, agentServerOptions, explainTlsError, peerHost } from '../../agent/security/tlsOptions.ts';

const dayMs = 24 * 3600 * 1000;
const fromNow = (days: number): Date => new Date(Date.now() + days * dayMs);
const expired: Validity = { notBefore: fromNow(-10), notAfter: fromNow(-1) };
const notYetValid: Validity = { notBefore: fromNow(1), notAfter: fromNow(10) };

let folder: string;
let authority: CertifiedKey;
let otherAuthority: CertifiedKey;

beforeAll(async () => {
  authority = await createAuthority('site');
  otherAuthority = await createAuthority('site');
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-security-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function identityOf(host: string, validity?: Validity, by = authority): Promise<Identity> {
  const own = await createHostCertificate(by, { host, addresses: ['10.77.0.1', 'fd00::1'] }, validity);
  return { host, certificate: own.certificate, key: own.key, authority: authority.certificate, expires: new Date() };
}

describe('certificates', () => {
  it('names the host and its addresses, for server and client use, for as long as its authority', async () => {
    const certificate = new X509Certificate((await identityOf('alpha')).certificate);
    expect(certificate.subject).toBe('CN=alpha');
    expect(certificate.checkHost('alpha')).toBe('alpha');
    for (const address of ['10.77.0.1', '127.0.0.1', 'fd00::1', '::1']) {
      expect(certificate.checkIP(address)).toBe(address);
    }
    expect(certificate.checkIP('10.77.0.2')).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).toBe(false);
    const by = new X509Certificate(authority.certificate);
    expect([certificate.validFrom, certificate.validTo]).toEqual([by.validFrom, by.validTo]);
  });

  it('makes an authority for 30 years that signs its hosts', () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect((Date.parse(certificate.validTo) - Date.now()) / (365.25 * dayMs)).toBeCloseTo(30, 1);
  });

  it('certifies the key of a request and takes no name from it', async () => {
    const { request, key } = await createRequest('mallory');
    const certificate = new X509Certificate(
      await signRequest(authority, request, { host: 'beta', addresses: ['10.77.0.2'] }),
    );
    expect(certificate.subject).toBe('CN=beta');
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    storeIdentity(folder, { authority: authority.certificate, certificate: certificate.toString(), key });
    expect(loadIdentity(folder, 'beta').host).toBe('beta');
  });

  it.each(['', 'rubbish', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'])(
    'refuses a broken request (%j)',
    async (request) => {
      await expect(signRequest(authority, request, { host: 'beta', addresses: [] })).rejects.toMatchObject({
        code: 'REQUEST_BROKEN',
      });
    },
  );

  it('refuses a request that was changed after it was signed', async () => {
    const { request } = await createRequest('beta');
    const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const at = der.indexOf('beta');
    der.write('beto', at);
    await expect(signRequest(authority, der.toString('base64'), { host: 'beta', addresses: [] })).rejects.toMatchObject(
      { code: 'REQUEST_BROKEN' },
    );
  });
});

describe('the identity of a host', () => {
  const install = (identity: Identity): void => storeIdentity(folder, identity);

  it('is stored with keys for the owner alone', async () => {
    install(await identityOf('alpha'));
    storeAuthority(folder, authority);
    const files = identityFiles(folder);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
    expect(statSync(files.authorityKey).mode & 0o777).toBe(0o600);
    expect(loadIdentity(folder, 'alpha').host).toBe('alpha');
    expect(loadAuthority(folder)?.key).toBe(authority.key);
  });

  it('is refused when the key is open to others', async () => {
    install(await identityOf('alpha'));
    chmodSync(identityFiles(folder).key, 0o640);
    expect(() => loadIdentity(folder, 'alpha')).toThrow(/has mode 0640.*chmod 600/);
  });

  it('is refused with a reason of its own for each thing that can be wrong', async () => {
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_MISSING' }));
    install(await identityOf('alpha', expired));
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_EXPIRED' }));
    install(await identityOf('alpha', notYetValid));
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_NOT_YET_VALID' }));
    install(await identityOf('alpha', undefined, otherAuthority));
    expect(() => loadIdentity(folder, 'alpha')).toThrow(
      expect.objectContaining({ code: 'CERTIFICATE_WRONG_AUTHORITY' }),
    );
    install(await identityOf('beta'));
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_WRONG_HOST' }));
    install({ ...(await identityOf('alpha')), key: (await identityOf('alpha')).key });
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_WRONG_KEY' }));
    install({ ...(await identityOf('alpha')), certificate: 'rubbish' });
    expect(() => loadIdentity(folder, 'alpha')).toThrow(expect.objectContaining({ code: 'CERTIFICATE_BROKEN' }));
  });
});

describe('a certificate that ends', () => {
  const self = { host: 'alpha', addresses: ['10.77.0.1'] };
  const lasting = (days: number): Validity => ({ notBefore: fromNow(-10), notAfter: fromNow(days) });
  const renew = (now = new Date()): Promise<boolean> => renewWhereCertified(folder, self, now);
  const ends = (): Date => loadIdentity(folder, 'alpha').expires;

  it('is told with what to run, and that nothing but the certificate is replaced by it', async () => {
    storeIdentity(folder, await identityOf('alpha', expired));
    expect(() => loadIdentity(folder, 'alpha')).toThrow(
      /expired on .*: run `understudy token join --host alpha` on the first host and `understudy join --renew` here/,
    );
  });

  it('is replaced by itself on the host that certifies the others, and the key stays', async () => {
    storeAuthority(folder, authority);
    storeIdentity(folder, await identityOf('alpha', lasting(61)));
    expect(await renew()).toBe(false);
    expect(await renew(fromNow(2))).toBe(true);
    expect(ends()).toEqual(endOf(authority.certificate));
    expect(await renew(fromNow(2))).toBe(false);
    storeIdentity(folder, await identityOf('alpha', expired));
    expect(await renew()).toBe(true);
    const key = readSecret(identityFiles(folder).key);
    for (const [certificate, how] of [
      [(await identityOf('alpha')).certificate, /is not the key of/],
      ['rubbish', /no certificate/],
      [null, /does not exist/],
    ] as const) {
      if (certificate === null) rmSync(identityFiles(folder).certificate);
      else storeCertificate(folder, certificate);
      expect(() => loadIdentity(folder, 'alpha')).toThrow(how);
      expect(await renew()).toBe(true);
      expect(loadIdentity(folder, 'alpha').key).toBe(key);
    }
    expect(new X509Certificate(loadIdentity(folder, 'alpha').certificate).checkIP('10.77.0.1')).toBe('10.77.0.1');
  });

  it('stays as it is where it cannot be replaced', async () => {
    storeIdentity(folder, await identityOf('alpha', lasting(10)));
    expect(await renew()).toBe(false);
    storeAuthority(folder, authority);
    // Somebody has to look at it: another name in agent.jsonc, perhaps.
    storeIdentity(folder, await identityOf('beta', lasting(10)));
    expect(await renew()).toBe(false);
    storeIdentity(folder, await identityOf('alpha', lasting(10)));
    chmodSync(identityFiles(folder).key, 0o640);
    expect(await renew()).toBe(false);
    chmodSync(identityFiles(folder).authorityKey, 0o640);
    await expect(renew()).rejects.toThrow(/chmod 600/);
  });

  it('is not made anew in vain when the authority ends', async () => {
    const old = await createAuthority('site', lasting(20));
    storeAuthority(folder, old);
    const own = await createHostCertificate(old, self);
    storeIdentity(folder, { ...own, authority: old.certificate });
    expect(ends()).toEqual(endOf(old.certificate));
    expect(await renew()).toBe(false);
    expect(await renew(fromNow(21))).toBe(false);
    const notice = endNotice('alpha', ends(), old.certificate, 'do this', new Date());
    expect(notice).toMatch(
      /^The authority .* ends on \d{4}-\d\d-\d\d \(in 19 days\): .*see "Certificates" in README\.$/,
    );
  });

  it('is told of from 60 days before its end, and after it', () => {
    const notice = (days: number) => endNotice('beta', fromNow(days), authority.certificate, 'do this', new Date());
    expect(notice(60.1)).toBeNull();
    expect(notice(59.9)).toMatch(/^The certificate of beta ends on .* \(in 59 days\): .*; do this\.$/);
    expect(notice(-1)).toMatch(/^The certificate of beta ended on \d{4}-\d\d-\d\d: /);
  });
});

describe('TLS between agents', () => {
  const servers: tls.Server[] = [];
  afterAll(() => servers.forEach((server) => server.close()));

  /** Connects client to server over 127.0.0.1 and tells what each side learned. */
  async function handshake(
    server: Identity,
    client: Identity,
    expectedPeer: string,
  ): Promise<{ client: string; server: string }> {
    let serverSaw: (text: string) => void = () => undefined;
    const atServer = new Promise<string>((resolve) => (serverSaw = resolve));
    const listener = tls.createServer(agentServerOptions(server), (socket) => {
      socket.on('error', () => undefined);
      const peer = peerHost(socket, ['alpha', 'beta']);
      serverSaw(peer.ok ? `is ${peer.host}` : peer.reason);
      if (peer.ok) socket.end('hello');
      else socket.destroy();
    });
    // A client that refuses us ends the handshake.
    listener.on('tlsClientError', (error) => serverSaw(explainTlsError(error, 'the client')));
    servers.push(listener);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const atClient = await new Promise<string>((resolve) => {
      const socket = tls.connect({ ...agentClientOptions(client, expectedPeer), host: '127.0.0.1', port });
      socket.setEncoding('utf8').on('data', (data) => resolve(String(data)));
      socket.on('error', (error) => resolve(explainTlsError(error, expectedPeer)));
      socket.on('close', () => resolve('closed'));
    });
    return { client: atClient, server: await atServer };
  }

  it('lets the hosts of the cluster in, and each knows whom it speaks to', async () => {
    const told = await handshake(await identityOf('alpha'), await identityOf('beta'), 'alpha');
    expect(told).toEqual({ client: 'hello', server: 'is beta' });
  });

  it('refuses a host that is not in the cluster file', async () => {
    const told = await handshake(await identityOf('alpha'), await identityOf('delta'), 'alpha');
    expect(told.server).toMatch(/is by delta, which is no host of the cluster file: alpha, beta/);
  });

  it('refuses an agent that answers for another host', async () => {
    const told = await handshake(await identityOf('beta'), await identityOf('alpha'), 'gamma');
    expect(told.client).toBe(
      'Expected the agent of gamma, and beta answered: check the addresses in the cluster file.',
    );
  });

  it.each([
    ['expired', /certificate of alpha has expired/, expired],
    ['not yet valid', /certificate of alpha is not valid yet.*clocks/, notYetValid],
  ] as const)('tells of a server certificate that is %s', async (_name, message, validity) => {
    const told = await handshake(await identityOf('alpha', validity), await identityOf('beta'), 'alpha');
    expect(told.client).toMatch(message);
  });

  it('tells a host whose clock stands before the authority was made to set it, be it dialled or dialling', async () => {
    // An authority counts from an hour before it is made: this is what a clock sees that is wrong by more.
    const later = await createAuthority('site', { notBefore: fromNow(1 / 24), notAfter: fromNow(100) });
    const advice = /is not valid yet by the clock of this host, which says \d{4}-\S+Z: .* set the one that is wrong\.$/;
    const dialling = { ...(await identityOf('beta')), authority: later.certificate };
    const seenByIt = await handshake(await identityOf('alpha', undefined, later), dialling, 'alpha');
    expect(seenByIt.client).toMatch(/^The certificate of alpha /);
    expect(seenByIt.client).toMatch(advice);
    const dialled = { ...(await identityOf('alpha')), authority: later.certificate };
    const seenThere = await handshake(dialled, await identityOf('beta', undefined, later), 'alpha');
    expect(seenThere.server).toMatch(/^The certificate of beta \(from 127\.0\.0\.1\) /);
    expect(seenThere.server).toMatch(advice);
    // When it is started then, it says so before it asks anybody.
    storeIdentity(folder, { ...(await identityOf('alpha', undefined, later)), authority: later.certificate });
    expect(() => loadIdentity(folder, 'alpha')).toThrow(
      /is not valid before .*, and the clock of this host says .*: set the clock\.$/,
    );
  });

  it('tells of a server certificate by another authority', async () => {
    const told = await handshake(
      await identityOf('alpha', undefined, otherAuthority),
      await identityOf('beta'),
      'alpha',
    );
    expect(told.client).toMatch(/certificate of alpha is by another authority/);
  });

  it.each([
    ['expired', /certificate of beta \(from 127.0.0.1\) has expired/, expired],
    ['not yet valid', /certificate of beta .* is not valid yet/, notYetValid],
  ] as const)('tells of a client certificate that is %s', async (_name, message, validity) => {
    const told = await handshake(await identityOf('alpha'), await identityOf('beta', validity), 'alpha');
    expect(told.server).toMatch(message);
    expect(told.client).not.toBe('hello');
  });

  it('tells of a client certificate by another authority', async () => {
    const told = await handshake(
      await identityOf('alpha'),
      await identityOf('beta', undefined, otherAuthority),
      'alpha',
    );
    expect(told.server).toMatch(/certificate of beta .* is by another authority/);
  });
});

describe('client tokens', () => {
  it('are known by their hash alone, and until they are revoked', () => {
    const tokens = new ClientTokens(folder);
    const secret = tokens.create('laptop', 'operator');
    expect(tokens.authenticate(secret)).toEqual({ name: 'laptop', role: 'operator' });
    expect(readSecret(join(folder, 'tokens.json'))).not.toContain(secret);
    expect(statSync(join(folder, 'tokens.json')).mode & 0o777).toBe(0o600);
    expect(tokens.authenticate(`${secret.slice(0, -1)}x`)).toBeNull();
    expect(tokens.authenticate('')).toBeNull();
    // Another process revokes it, as the command line does.
    new ClientTokens(folder).revoke('laptop');
    expect(tokens.authenticate(secret)).toBeNull();
  });

  it('have one name each', () => {
    const tokens = new ClientTokens(folder);
    tokens.create('laptop', 'viewer');
    expect(() => tokens.create('laptop', 'admin')).toThrow(/already a token "laptop"/);
    expect(() => tokens.create('local', 'admin')).toThrow(/cannot be the name/);
    expect(() => tokens.revoke('phone')).toThrow(/no token "phone".*token list/);
  });

  it('can be shared by the hosts of a cluster', () => {
    const first = new ClientTokens(join(folder, 'a'));
    const secret = first.create('laptop', 'operator');
    const second = new ClientTokens(join(folder, 'b'));
    second.adopt(first.list());
    second.adopt(first.list());
    expect(second.authenticate(secret)).toEqual({ name: 'laptop', role: 'operator' });
    expect(second.list()).toHaveLength(1);
  });

  it('are refused as a whole when their file is damaged or open to others', () => {
    const tokens = new ClientTokens(folder);
    writeFileSync(join(folder, 'tokens.json'), '{"formatVersion":1,"tokens":[{}]}', { mode: 0o600 });
    expect(() => tokens.authenticate('x')).toThrow(/damaged/);
    chmodSync(join(folder, 'tokens.json'), 0o644);
    expect(() => tokens.authenticate('x')).toThrow(/mode 0644/);
  });

  it('include an admin token for root on this host, new at each start', () => {
    const tokens = new ClientTokens(folder);
    tokens.issueLocal();
    const first = readSecret(localTokenFile(folder)).trim();
    expect(tokens.authenticate(first)).toEqual({ name: 'local', role: 'admin' });
    tokens.issueLocal();
    expect(tokens.authenticate(first)).toBeNull();
  });
});

describe('join tokens', () => {
  it('are good once', () => {
    const tokens = new JoinTokens(folder);
    const text = tokens.create('beta', fingerprint(authority.certificate));
    const { host, secret, authority: pinned } = parseJoinToken(text);
    expect(host).toBe('beta');
    expect(pinned).toBe(fingerprint(authority.certificate));
    expect(tokens.list()).toHaveLength(1);
    tokens.consume(secret, 'beta');
    expect(() => tokens.consume(secret, 'beta')).toThrow(expect.objectContaining({ code: 'TOKEN_USED' }));
    expect(() => new JoinTokens(folder).consume(secret, 'beta')).toThrow(/used already.*token join --host beta/);
    expect(tokens.list()).toHaveLength(0);
  });

  it('are for one host, for a day, and stay good when they are refused', () => {
    const tokens = new JoinTokens(folder);
    const { secret } = parseJoinToken(tokens.create('beta', fingerprint(authority.certificate)));
    expect(() => tokens.consume(secret, 'gamma')).toThrow(expect.objectContaining({ code: 'TOKEN_OTHER_HOST' }));
    expect(() => tokens.consume(secret, 'beta', fromNow(1.01))).toThrow(
      expect.objectContaining({ code: 'TOKEN_EXPIRED' }),
    );
    expect(() => tokens.consume('unknown', 'beta')).toThrow(expect.objectContaining({ code: 'TOKEN_UNKNOWN' }));
    tokens.consume(secret, 'beta');
  });

  it.each(['', 'beta', 'beta.short.short', '../x.y.z'])('refuses %j', (text) => {
    expect(() => parseJoinToken(text)).toThrow(/no join token/);
  });
});

describe('secrets', () => {
  it('are written for the owner alone whatever was there before', () => {
    const file = join(folder, 'deep', 'secret');
    writeSecret(file, 'x');
    chmodSync(file, 0o666);
    writeSecret(file, 'y');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readSecret(file)).toBe('y');
  });
});
