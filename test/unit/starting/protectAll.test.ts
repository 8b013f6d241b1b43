import { describe, expect, it } from 'vitest';
import {
  disksOf,
  domainsOf,
  findingsOfDomains,
  findingsOfFolders,
} from '../../../extension/model/starting/findings.ts';
import { possiblePairs } from '../../../extension/model/starting/hostSpread.ts';
import { planModules } from '../../../extension/model/starting/protectPlan.ts';
import { surroundingsOf } from '../../../extension/model/starting/surroundings.ts';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import { formatDiagnostic } from '../../../schemas/diagnostic.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { moduleNameOf } from '../../../schemas/moduleName.ts';
import { clusterFile } from '../../../schemas/templates/cluster.ts';

const site = clusterFile({
  name: 'site',
  networks: ['lan'],
  replication: null,
  hosts: ['alpha', 'beta', 'gamma'].map((name, index) => ({ name, addresses: { lan: `10.0.0.${String(index + 1)}` } })),
  arbiter: { kind: 'witness', hosts: ['gamma'] },
});
const siteFile = parseDocument('cluster', site.text, site.path);
const web = parseDocument(
  'module',
  '{ "name": "web", "hosts": ["alpha", "beta"], "mirror": { "directories": ["/srv/vm/web"] }, "server": { "scripts": { "start": ["/s"], "stop": ["/t"] } } }',
  'modules/web.module.jsonc',
);

const files = (...sources: readonly string[]) => sources.map((source) => ({ source, isFile: true }));

describe('what libvirt says', () => {
  it('is read: domains, and their disks without media that can be taken out', () => {
    expect(domainsOf('web\nmail server\n\n')).toEqual(['web', 'mail server']);
    const output = ` Type    Device   Target   Source
-----------------------------------------------------------
 file    disk     vda      /srv/vm/mail server/disk 1.qcow2
 block   disk     vdb      /dev/vg/mail
 file    cdrom    sda      /iso/debian.iso
 file    cdrom    sdb      -

`;
    expect(disksOf(output)).toEqual([
      { source: '/srv/vm/mail server/disk 1.qcow2', isFile: true },
      { source: '/dev/vg/mail', isFile: false },
    ]);
  });

  it('gives a directory of their own to domains that share one', () => {
    const findings = findingsOfDomains(
      new Map([
        ['web', files('/srv/vm/web/a.qcow2', '/srv/vm/web/b.qcow2')],
        ['mail', files('/var/lib/libvirt/images/mail.qcow2')],
        ['Old DB', files('/var/lib/libvirt/images/db/disk.qcow2')],
        ['empty', []],
      ]),
    );
    expect(findings.map(({ label, directory, note }) => [label, directory, note])).toEqual([
      ['web', '/srv/vm/web', null],
      ['mail', '/srv/vm/mail', 'its disks have to be moved to /srv/vm/mail'],
      ['Old DB', '/srv/vm/old-db', 'its disks have to be moved to /srv/vm/old-db'],
      ['empty', '/srv/vm/empty', 'its disks have to be moved to /srv/vm/empty'],
    ]);
    expect(findings.every(({ isPlain }) => isPlain)).toBe(true);
  });

  it.each(['/var/lib/libvirt/images/web.qcow2', '/home/web.qcow2', '/web.qcow2'])(
    'does not have a folder mirrored that is not the server alone (%s)',
    (file) => {
      const [web] = findingsOfDomains(new Map([['web', files(file)]]));
      expect(web?.directory).toBe('/srv/vm/web');
    },
  );

  it('names disks that are no files, and proposes such a domain to nobody who has not looked', () => {
    const disks = [...files('/srv/vm/db/disk.qcow2'), { source: '/dev/vg/db', isFile: false }];
    const [db] = findingsOfDomains(new Map([['db', disks]]));
    expect(db).toMatchObject({ directory: '/srv/vm/db', isPlain: false });
    expect(db?.note).toBe('/dev/vg/db is no file, and not mirrored before it is made one in /srv/vm/db');
  });
});

it('what folders hold tells how they are run', () => {
  const findings = findingsOfFolders(
    new Map([
      ['/srv/vm/web', ['disk.qcow2', 'notes.txt']],
      ['/srv/vm/erp', ['erp.vmx', 'erp.vmdk']],
      ['/srv/vm/mail', ['domain.xml', 'disk.qcow2']],
      ['/srv/vm/big', ['b.img', 'a.raw']],
      ['/srv/vm/other', ['readme']],
    ]),
  );
  expect(findings.map(({ label, template, details }) => [label, template, details])).toEqual([
    ['web', 'qemu', { disk: 'disk.qcow2' }],
    ['erp', 'vmware', { vmx: 'erp.vmx' }],
    ['mail', 'libvirt', { domain: 'mail' }],
    ['big', 'qemu', { disk: 'a.raw' }],
    ['other', 'script', {}],
  ]);
  expect(findings.filter(({ isPlain }) => !isPlain).map(({ label }) => label)).toEqual(['other']);
  expect(findings[3]?.note).toContain('2 disks');
});

it.each([
  ['web', 'web'],
  ['Mail Server (alt)', 'mail-server-alt'],
  ['Büro_01', 'buro-01'],
  ['2008-sql', 'vm-2008-sql'],
  ['***', 'server'],
  ['x'.repeat(50), 'x'.repeat(32)],
  ['db', 'db-3'],
])('the name of a module for %j is %s', (text, name) => {
  expect(moduleNameOf(text, new Set(['db', 'db-2']))).toBe(name);
});

describe('the plan for all of them', () => {
  const pairs = possiblePairs(parsedCluster());
  const around = surroundingsOf(siteFile, [web], ['modules/web.module.jsonc']);
  const findings = findingsOfFolders(
    new Map([
      ['/srv/vm/web', ['disk.qcow2']],
      ['/srv/vm/Web 2', ['disk.qcow2']],
      ['/srv/vm/mail', ['domain.xml']],
      ['/srv/vm/erp', ['erp.vmx']],
    ]),
  );

  it('spreads them, names them, and leaves out what is protected already', () => {
    const { modules, refused } = planModules(findings, pairs, around);
    expect(modules.map(({ answers }) => [answers.name, answers.hosts[0]])).toEqual([
      ['web-2', 'beta'],
      ['mail', 'alpha'],
      ['erp', 'beta'],
    ]);
    expect(refused.map(({ finding }) => finding.label)).toEqual(['web']);
    expect(refused[0]?.reason).toMatch(/directory of the module web/);
  });

  it('gives files that nothing is wrong with', () => {
    const files = planModules(findings, pairs, around).modules.flatMap((module) => module.files);
    const documents = files
      .filter(({ path }) => path.endsWith('.jsonc'))
      .map(({ path, text }) => parseDocument('module', text, path));
    expect(documents.flatMap(({ diagnostics }) => diagnostics)).toEqual([]);
    expect(crossChecks([siteFile, web, ...documents]).map(formatDiagnostic)).toEqual([]);
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
  });

  it('refuses what cannot stand in a script, and whatever there are no hosts for', () => {
    const odd = findingsOfDomains(new Map([['a/b', []]]));
    expect(planModules(odd, pairs, around).refused[0]?.reason).toMatch(/A name without \//);
    expect(planModules(findings, [], around).modules).toEqual([]);
  });
});

function parsedCluster() {
  const { cluster } = surroundingsOf(siteFile, [], []);
  if (cluster === null) throw new Error('The cluster file of the test has errors.');
  return cluster;
}
