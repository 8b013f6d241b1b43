import { describe, expect, it } from 'vitest';
import {
  clusterErrors,
  clusterNameError,
  emptyCluster,
  etcdError,
  hostError,
  hostLine,
  hostOf,
  networksError,
} from '../../../extension/model/starting/clusterDraft.ts';
import { draftErrors, errorAt, type ModuleDraft } from '../../../extension/model/starting/moduleDraft.ts';
import { surroundingsOf } from '../../../extension/model/starting/surroundings.ts';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { clusterFile, type ClusterAnswers } from '../../../schemas/templates/cluster.ts';
import { templateOf } from '../../../schemas/templates/moduleTemplates.ts';
import type { ModuleAnswers, TemplateId } from '../../../schemas/templates/template.ts';

const site: ClusterAnswers = {
  name: 'site',
  networks: ['lan', 'link'],
  replication: 'link',
  hosts: [
    { name: 'alpha', addresses: { lan: '10.0.0.1', link: '10.0.1.1' } },
    { name: 'beta', addresses: { lan: '10.0.0.2', link: '10.0.1.2' } },
    { name: 'gamma', addresses: { lan: '10.0.0.3' } },
  ],
  arbiter: { kind: 'witness', hosts: ['gamma'] },
};
const siteFile = parseDocument('cluster', clusterFile(site).text, 'site.cluster.jsonc');
const db = `{
  "name": "db", "hosts": ["alpha", "beta"], "mirror": { "directories": ["/srv/vm/db"] },
  "server": { "scripts": { "start": ["/s"], "stop": ["/t"] } },
  "virtualAddresses": [{ "address": "10.0.0.100/24", "network": "lan" }],
}`;
const dbFile = parseDocument('module', db, 'modules/db.module.jsonc');
const around = surroundingsOf(
  siteFile,
  [dbFile],
  ['modules/db.module.jsonc', 'modules/old.module.jsonc', 'scripts/old2/start'],
);

const draft = (change: Partial<ModuleAnswers>, template: TemplateId = 'postgresql'): ModuleDraft => ({
  template: templateOf(template),
  answers: {
    name: 'web',
    hosts: ['alpha', 'beta'],
    directory: '/srv/web',
    virtualAddress: null,
    details: {},
    ...change,
  },
});
const said = (path: string, change: Partial<ModuleAnswers>, template?: TemplateId): string | null =>
  errorAt(path, draftErrors(draft(change, template), around));

describe('a module that is drafted', () => {
  it('is well when nothing is wrong', () => expect(draftErrors(draft({}), around)).toEqual([]));

  it.each([
    ['name', { name: 'Web' }, /lower-case letter/],
    ['name', { name: '' }, /lower-case letter/],
    ['name', { name: 'db' }, /also used by modules\/db\.module\.jsonc/],
    ['name', { name: 'old' }, /modules\/old\.module\.jsonc is there already/],
    ['name', { name: 'old2' }, /scripts\/old2\/start is there already/],
    ['hosts', { hosts: ['alpha', 'alpha'] }, /two different hosts/],
    ['hosts', { hosts: ['alpha', 'delta'] }, /not in the cluster file/],
    ['hosts', { hosts: ['alpha', 'gamma'] }, /witness/],
    ['mirror.directories', { directory: 'srv' }, /absolute path/],
    ['mirror.directories', { directory: '/' }, /cannot be mirrored/],
    ['mirror.directories', { directory: '/srv/../etc' }, /cannot be mirrored/],
    ['mirror.directories', { directory: '/srv/vm/db' }, /directory of the module db/],
    ['mirror.directories', { directory: '/srv/vm' }, /contains \/srv\/vm\/db/],
    ['mirror.directories', { directory: '/srv/vm/db/in' }, /lies in \/srv\/vm\/db/],
    ['virtualAddresses', { virtualAddress: { address: '10.0.0.300', network: 'lan' } }, /no IP address/],
    ['virtualAddresses', { virtualAddress: { address: '10.0.0.1/24', network: 'lan' } }, /address of alpha itself/],
    [
      'virtualAddresses',
      { virtualAddress: { address: '10.0.0.100/24', network: 'lan' } },
      /also a virtual address of the module db/,
    ],
    ['virtualAddresses', { virtualAddress: { address: '10.0.0.101/24', network: 'wan' } }, /network "wan"/],
    ['checks', { details: { port: '70000' } }, /1 to 65535/],
  ] as const)('says at %s of %j what is wrong', (path, change, words) => {
    expect(said(path, change)).toMatch(words);
    // And at no other place: a person is not blamed for what was not asked.
    const others = ['name', 'hosts', 'mirror.directories', 'virtualAddresses', 'checks'].filter(
      (other) => other !== path,
    );
    for (const other of others) expect(said(other, change)).toBeNull();
  });

  it('says of the memory what is wrong with it', () => {
    expect(said('server.qemu.memory', { details: { memory: '2 GB' } }, 'qemu')).toMatch(/did you mean "2GiB"/);
  });

  it('is told of by the same checks that files are', () => {
    const { template, answers } = draft({ name: 'db', directory: '/srv/vm/db' });
    const [file] = template.files(answers);
    const own = parseDocument('module', file.text, 'modules/new.module.jsonc');
    const whole = crossChecks([siteFile, dbFile, own]).filter(
      (each) => each.file === own.file && each.severity === 'error',
    );
    const drafted = draftErrors({ template, answers }, { ...around, taken: new Set() });
    expect(drafted.map(({ path }) => path).sort()).toEqual(whole.map(({ path }) => path).sort());
  });

  it('is checked among many within the time of a key press', () => {
    const many = Array.from({ length: 500 }, (_, index) => {
      const text = db
        .replaceAll('db', `m${String(index)}`)
        .replace('10.0.0.100', `10.1.${String(index >> 8)}.${String(index & 255 || 1)}`);
      return parseDocument('module', text, `modules/m${String(index)}.module.jsonc`);
    });
    const crowded = surroundingsOf(siteFile, many, []);
    draftErrors(draft({}), crowded);
    const began = performance.now();
    for (let press = 0; press < 10; press += 1) draftErrors(draft({ name: `w${String(press)}` }), crowded);
    expect((performance.now() - began) / 10).toBeLessThan(100);
  });
});

describe('a cluster that is drafted', () => {
  const two = { ...site, hosts: site.hosts.slice(0, 2), arbiter: { kind: 'none' } } as const;

  it('is well when nothing is wrong', () => expect(clusterErrors(site)).toEqual([]));

  it.each([
    ['Site', /lower-case letter/],
    ['', /needed/],
  ])('refuses the name %j', (name, words) => expect(clusterNameError(emptyCluster, name)).toMatch(words));

  it.each([
    ['', /At least one/],
    ['lan, lan', /lan is named twice/],
    ['lan, Link', /lower-case letter/],
    ['a b c d e f g h i', /at most 8/],
  ])('refuses the networks %j', (text, words) => expect(networksError(emptyCluster, text)).toMatch(words));

  it.each([
    ['', /A name, and its address on lan, then on link/],
    ['delta', /Its address on lan/],
    ['delta - -', /Its address on lan/],
    ['alpha 10.0.0.9', /alpha is a host already/],
    ['Delta 10.0.0.9', /lower-case letter/],
    ['delta 10.0.0', /no IP address/],
    ['delta 10.0.0.1', /already the address of alpha/],
    ['delta 10.0.0.9 10.0.1.9 10.0.2.9', /2 networks/],
  ])('refuses the host %j', (text, words) => expect(hostError(two, 2, text)).toMatch(words));

  it('takes hosts and names, also before there are two of them, and again when somebody goes back', () => {
    expect(clusterNameError(emptyCluster, 'site')).toBeNull();
    expect(networksError(emptyCluster, 'lan, link')).toBeNull();
    expect(hostError({ ...two, hosts: [] }, 0, 'alpha 10.0.0.1')).toBeNull();
    expect(hostError(two, 2, 'gamma - 10.0.1.3')).toBeNull();
    expect(hostError(two, 0, 'alpha 10.0.0.7 10.0.1.7')).toBeNull();
  });

  it('reads a host as it writes it', () => {
    const networks = ['lan', 'link'];
    for (const line of ['alpha 10.0.0.1 10.0.1.1', 'beta 10.0.0.2', 'gamma - 10.0.1.3']) {
      expect(hostLine(hostOf(line, networks), networks)).toBe(line);
    }
  });

  it.each([
    ['', /At least one member/],
    ['10.0.0.11', /address of a member/],
    ['https://10.0.0.11:2379/x', /no address of a member/],
  ])('refuses the members of etcd %j', (text, words) => expect(etcdError(two, text)).toMatch(words));

  it('takes members of etcd', () => {
    expect(etcdError(two, 'https://10.0.0.11:2379, https://10.0.0.12:2379')).toBeNull();
  });
});
