import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseAddress } from '../../../extension/client/address.ts';
import { fetchCertificates, pinFor } from '../../../extension/client/certificates.ts';
import type { AddedProfiles } from '../../../extension/clusters/addedProfiles.ts';
import { ClusterRegistry } from '../../../extension/clusters/clusterRegistry.ts';
import type { ClusterSession } from '../../../extension/clusters/clusterSession.ts';
import { RunningFiles } from '../../../extension/clusters/runningFiles.ts';
import type { Tokens } from '../../../extension/secrets.ts';
import { StoryCluster } from '../../support/storyCluster.ts';

let cluster: StoryCluster;
let registry: ClusterRegistry;
let running: RunningFiles;
let session: ClusterSession;
let token: string;

beforeEach(async () => {
  cluster = await StoryCluster.start({ 'web.module.jsonc': 'one\r\ntwo\r\n' });
  token = cluster.token;
  const address = parseAddress(cluster.addressOf('alpha'));
  if (typeof address === 'string') throw new Error(address);
  const pin = pinFor(await fetchCertificates(address));
  const addresses = [cluster.addressOf('alpha')];
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  registry = new ClusterRegistry({
    added: { learnt: () => [], remember: () => Promise.resolve() } as unknown as AddedProfiles,
    tokens: { get: () => Promise.resolve(token) } as unknown as Tokens,
    profiles: () =>
      Promise.resolve([{ id: 'site', name: 'site', addresses, pin, source: 'added', tokenFile: null, problem: null }]),
    client: 'test',
    log,
  });
  running = new RunningFiles(registry, log);
  await registry.reload();
  registry.attend(null);
  const [only] = registry.sessions;
  if (only === undefined) throw new Error('there is no session');
  session = only;
  await expect.poll(() => session.store.snapshot).not.toBeNull();
});
afterEach(async () => {
  running.dispose();
  registry.dispose();
  await cluster.close();
});

const text = (name = 'web.module.jsonc'): string | null | undefined => running.textOf(session, name);

it('knows what the hosts run by as soon as it was read, and tells of it', async () => {
  let told = 0;
  running.onChange.on(() => (told += 1));
  expect(text()).toBeUndefined();
  await expect.poll(() => text()).toBe('one\ntwo\n');
  expect(text('shop.module.jsonc')).toBeNull();
  expect(told).toBe(1);
});

it('follows when another version is applied', async () => {
  await expect.poll(() => text()).toBe('one\ntwo\n');
  await session.request('configuration.apply', { files: [{ name: 'web.module.jsonc', text: 'three' }] });
  await expect.poll(() => text()).toBe('three');
});

it('tries again after a pause when it could not be read, and tells of what it has then', async () => {
  cluster.files.isReadable = false;
  running.onChange.on(() => void text());
  const started = performance.now();
  const asked = (): number => {
    text();
    return cluster.files.reads;
  };
  // However often it is asked for, after a quarter of a second and then half of one at the least.
  await expect.poll(asked, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  expect(performance.now() - started).toBeGreaterThan(700);
  cluster.files.isReadable = true;
  const read = new Promise<string>((resolve) => {
    running.onChange.on(() => {
      const known = text();
      if (typeof known === 'string') resolve(known);
    });
  });
  expect(await read).toBe('one\ntwo\n');
  const reads = cluster.files.reads;
  expect(text('shop.module.jsonc')).toBeNull();
  expect(cluster.files.reads).toBe(reads);
});

it('does not try again what nobody asks for any more', async () => {
  cluster.files.isReadable = false;
  text();
  await new Promise<void>((resolve) => {
    running.onChange.on(resolve);
  });
  expect(cluster.files.reads).toBe(1);
});

it('knows nothing with a token that may not read it, or without a connection', async () => {
  await expect.poll(() => text()).toBe('one\ntwo\n');
  token = cluster.createToken('reader', 'viewer');
  session.reconnect();
  await expect.poll(() => session.role).toBe('viewer');
  expect(text()).toBeUndefined();
  token = cluster.token;
  session.reconnect();
  await expect.poll(() => text()).toBe('one\ntwo\n');
  await cluster.stopAgent('alpha');
  await cluster.stopAgent('beta');
  await expect.poll(() => session.connected).toBe(false);
  expect(text()).toBeUndefined();
});
