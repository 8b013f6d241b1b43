import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fetchCertificates, pinFor } from '../../../extension/client/certificates.ts';
import { parseAddress } from '../../../extension/client/address.ts';
import { AddedProfiles } from '../../../extension/clusters/addedProfiles.ts';
import { ClusterRegistry } from '../../../extension/clusters/clusterRegistry.ts';
import { settled, unconnectedWords } from '../../../extension/clusters/connecting.ts';
import type { ClusterProfile } from '../../../extension/clusters/profile.ts';
import { Tokens } from '../../../extension/secrets.ts';
import { StoryCluster } from '../../support/storyCluster.ts';

let cluster: StoryCluster;
let site: ClusterProfile;
const open: ClusterRegistry[] = [];

beforeEach(async () => {
  cluster = await StoryCluster.start();
  const address = parseAddress(cluster.addressOf('alpha'));
  if (typeof address === 'string') throw new Error(address);
  const pin = pinFor(await fetchCertificates(address));
  const addresses = [cluster.addressOf('alpha')];
  site = { id: 'site', name: 'site', addresses, pin, source: 'added', tokenFile: null, problem: null };
});
afterEach(async () => {
  for (const registry of open.splice(0)) registry.dispose();
  await cluster.close();
});

async function registryOf(...profiles: ClusterProfile[]): Promise<ClusterRegistry> {
  const registry = registryFrom(() => Promise.resolve(profiles));
  await registry.reload();
  return registry;
}

function registryFrom(
  profiles: () => Promise<readonly ClusterProfile[]>,
  tokens = { get: () => Promise.resolve(cluster.token) } as unknown as Tokens,
): ClusterRegistry {
  const added = { learnt: () => [], remember: () => Promise.resolve() } as unknown as AddedProfiles;
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const registry = new ClusterRegistry({
    added,
    tokens,
    profiles,
    client: 'test',
    log,
  });
  open.push(registry);
  return registry;
}

it('reads the clusters anew after they could not be read once', async () => {
  let problem: Error | null = new Error('no such folder');
  const registry = registryFrom(() => (problem === null ? Promise.resolve([site]) : Promise.reject(problem)));
  await expect(registry.reload()).rejects.toThrow('no such folder');
  problem = null;
  await registry.reload();
  expect(registry.sessions.map(({ profile }) => profile.name)).toEqual(['site']);
});

it('connects when a command asks for it, before anything of the cluster is offered', async () => {
  const registry = await registryOf(site);
  const looking = registry.attend(null);
  await settled(registry, 60_000);
  looking.dispose();
  expect(registry.sessions[0]?.store.snapshot?.modules.map(({ name }) => name)).toEqual(['web', 'db']);
  expect(unconnectedWords(registry.sessions)).toBe('');
});

it('says why a cluster cannot be asked, as it is now', async () => {
  const registry = await registryOf(site);
  registry.attend(null).dispose();
  await settled(registry, 60_000);
  const lost = new Promise<void>((resolve) => {
    registry.onChange.on(({ session }) => {
      if (session.state.kind === 'unreachable') resolve();
    });
  });
  await cluster.stopAgent('beta');
  await cluster.stopAgent('alpha');
  await lost;
  // Nobody looks, so that it is tried only when a command asks for it.
  registry.attend(null);
  expect(registry.sessions[0]?.state.kind).toBe('connecting');
  await settled(registry, 60_000);
  expect(unconnectedWords(registry.sessions)).toMatch(
    /^Not connected to site: nothing listens on .*is the agent running\?$/,
  );
  expect(unconnectedWords([])).toMatch(/add one first/);
});

it('does not wait for what does not answer', async () => {
  const registry = await registryOf(site);
  // Nobody looks, so that nothing is tried.
  await settled(registry, 1);
  expect(unconnectedWords(registry.sessions)).toBe('Not connected to site: no host has answered yet.');
});

it('has a cluster that is set up wrongly put right by a person, and does not try it', async () => {
  const registry = await registryOf({ ...site, pin: null, problem: 'A cluster needs a "name".' });
  registry.attend(null);
  expect(registry.sessions[0]?.state).toEqual({
    kind: 'blocked',
    problem: 'setup',
    reason: 'A cluster needs a "name".',
  });
  await settled(registry, 60_000);
});

it('knows the role of the token while it is connected', async () => {
  const registry = await registryOf(site);
  expect(registry.sessions[0]?.role).toBeNull();
  registry.attend(null);
  await settled(registry, 60_000);
  expect(registry.sessions[0]?.role).toBe('admin');
});

it('takes over what another window does: a token that is entered, a cluster that is removed', async () => {
  let token = 'x'.repeat(40);
  let profiles = [site];
  const tokens = { get: () => Promise.resolve(token) } as unknown as Tokens;
  const registry = registryFrom(() => Promise.resolve(profiles), tokens);
  await registry.reload();
  registry.attend(null);
  await settled(registry, 60_000);
  expect(registry.sessions[0]?.state).toMatchObject({ kind: 'blocked', problem: 'token' });
  token = cluster.token;
  await registry.tokenChanged('site');
  await settled(registry, 60_000);
  expect(registry.sessions[0]?.connected).toBe(true);
  profiles = [];
  await registry.tokenChanged('site');
  expect(registry.sessions).toEqual([]);
});

it('draws nothing anew when the clusters are the same as before', async () => {
  const registry = await registryOf(site);
  let lists = 0;
  registry.onList.on(() => lists++);
  await registry.reload();
  expect(lists).toBe(0);
});

it('names the token file that holds no token, or one that is not taken', async () => {
  const stateOf = async (tokenFile: string) => {
    const registry = registryFrom(
      () => Promise.resolve([{ ...site, tokenFile }]),
      new Tokens({} as ConstructorParameters<typeof Tokens>[0]),
    );
    await registry.reload();
    registry.attend(null);
    await settled(registry, 60_000);
    return registry.sessions[0]?.state;
  };
  const missing = join(cluster.folder, 'missing.token');
  expect(await stateOf(missing)).toMatchObject({
    ...{ kind: 'blocked', problem: 'setup' },
    reason: expect.stringMatching(/^The token file .*missing\.token cannot be read: ENOENT/) as string,
  });
  const empty = join(cluster.folder, 'empty.token');
  await writeFile(empty, '\n');
  expect(await stateOf(empty)).toMatchObject({
    ...{ kind: 'blocked', problem: 'setup' },
    reason: `The token file ${empty} is empty: write the token into it, then reconnect.`,
  });
  const wrong = join(cluster.folder, 'wrong.token');
  await writeFile(wrong, 'x'.repeat(40));
  expect(await stateOf(wrong)).toMatchObject({
    ...{ kind: 'blocked', problem: 'token' },
    reason: expect.stringMatching(/and write it into .*wrong\.token, then reconnect\.$/) as string,
  });
});

it('finds a cluster that was added before by its name and its certificate', async () => {
  const kept = new Map<string, unknown>();
  const memento = {
    get: (key: string, otherwise: unknown) => kept.get(key) ?? otherwise,
    update: (key: string, value: unknown) => Promise.resolve(kept.set(key, value)),
  };
  const added = new AddedProfiles(memento as unknown as ConstructorParameters<typeof AddedProfiles>[0]);
  const { pin } = site;
  if (pin === null) throw new Error('no pin');
  await added.add(site);
  expect(added.find('site', pin)?.id).toBe('site');
  expect(added.find('other', pin)).toBeUndefined();
  expect(added.find('site', { ...pin, sha256: 'AB' })).toBeUndefined();
});
