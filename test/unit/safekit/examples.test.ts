import { describe, expect, it } from 'vitest';
import { hasErrors } from '../../../schemas/diagnostic.ts';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import { parseDocument } from '../../../schemas/document.ts';
import {
  examples,
  apacheFarm,
  awsLinux,
  awsWindows,
  farm,
  hyperv,
  k3s,
  kvm,
  milestone,
  mirror,
  oracle,
  postgresql,
} from './examples.ts';
import { imported, moduleOf, textOf, told } from './importing.ts';

/** Elements and attributes, counted without a parser. */
function partsOf(xml: string): number {
  const bare = xml.replace(/<!--[^]*?-->/g, '').replace(/<![^>]*>/g, '');
  return (bare.match(/<[a-z]/g) ?? []).length + (bare.match(/\s[a-z_]+="/g) ?? []).length;
}

describe.each(Object.entries(examples))('the public example %s', (name, xml) => {
  const result = imported(xml, null, { name });

  it('is told of without a gap: every element and every attribute, once', () => {
    const paths = result.report.configuration.map(({ path }) => path);
    expect(paths).toHaveLength(partsOf(xml));
    expect(new Set(paths).size).toBe(paths.length);
    expect(result.report.configuration.filter(({ says }) => says.trim() === '')).toEqual([]);
  });

  it('holds nothing whose meaning is not known', () => {
    expect(result.report.configuration.filter(({ outcome }) => outcome === 'unknown')).toEqual([]);
  });

  it('becomes a module without errors, by itself and with a cluster, or says why not', () => {
    if (result.report.impossible !== null) {
      expect(result.files).toEqual([]);
      expect(result.reportText).toContain('There is no module file');
      return;
    }
    expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    const withHosts = imported(xml, null, { name, hosts: ['alpha', 'beta'] });
    const file = `${withHosts.name}.module.jsonc`;
    const module = parseDocument('module', textOf(withHosts, file), file);
    const cluster = parseDocument(
      'cluster',
      `{ "name": "site", "networks": { "default": {} }, "arbiter": { "witness": "gamma" },
         "hosts": { "alpha": { "default": "10.0.0.1" }, "beta": { "default": "10.0.0.2" }, "gamma": { "default": "10.0.0.3" } } }`,
      'site.cluster.jsonc',
    );
    expect(cluster.diagnostics).toEqual([]);
    expect(hasErrors([...module.diagnostics, ...crossChecks([cluster, module])])).toBe(false);
  });
});

it('a virtual machine keeps its directory, its variables and its checker', () => {
  const result = imported(kvm);
  const module = moduleOf(result);
  expect(module.mirror.directories).toEqual(['/var/lib/libvirt/images/vm1']);
  expect(module.checks).toMatchObject([
    {
      name: 'vm1_check',
      target: { kind: 'command', argv: ['/etc/understudy/scripts/web/checks/vm1-check'] },
      onFailure: 'restart',
    },
  ]);
  expect(textOf(result, 'scripts/web/environment')).toContain(
    'VM_PATH=/var/lib/libvirt/images/vm1\nexport VM_PATH\nVM_NAME=vm1\n',
  );
  expect(textOf(result, 'scripts/web/checks/vm1-check')).toContain(
    `"$SAFEUSERBIN"/vmcheck "$SAFEMODULE" custom.vm1_check vm1 `,
  );
  expect(result.report.commentedOut).toEqual([10]);
  expect(result.report.toDo.join('\n')).toContain('"server": { "qemu"');
});

it('a template says what there is to fill in', () => {
  const result = imported(mirror);
  expect(textOf(result, 'web.module.jsonc')).toMatch(/FILL IN: the two hosts[^]*FILL IN: the directories/);
  const steps = result.report.toDo.join('\n');
  for (const part of ['"hosts"', '"mirror.directories"', 'macro SERVICES is empty', 'the scripts "start" and "stop"']) {
    expect(steps).toContain(part);
  }
});

it('services of a database are started, stopped and checked without a script of the module', () => {
  const result = imported(postgresql);
  const module = moduleOf(result);
  expect(module.mirror).toMatchObject({ directories: ['/var/lib/pgsql/data'], exclude: ['/pg_stat_tmp'] });
  expect(module.server).toMatchObject({ kind: 'scripts', check: ['/etc/understudy/scripts/web/check'] });
  expect(textOf(result, 'scripts/web/start')).toContain('for service in postgresql; do\n  systemctl start');
  expect(module.checks).toMatchObject([
    {
      target: { argv: ['/usr/bin/systemctl', 'is-active', '--quiet', 'postgresql'] },
      everyMs: 10_000,
      onFailure: 'restart',
    },
  ]);
  expect(told(result, 'service/vip/interface_list/interface/real_interface/virtual_addr@addr')).toContain(
    'for you to fill in',
  );
});

it('several directories stay in their order, and a process is looked for by its name', () => {
  const module = moduleOf(imported(k3s));
  expect(module.mirror.directories).toEqual(['/var/SKreplicated-storage', '/var/lib/mysql']);
  expect(module.checks).toMatchObject([{ target: { kind: 'process', name: 'mariadbd' }, onFailure: 'restart' }]);
});

it('an expression of names is looked for by a program that reads such expressions', () => {
  const module = moduleOf(imported(oracle));
  expect(module.checks).toMatchObject([{ target: { argv: ['/usr/bin/pgrep', '--', 'ora_.*'] } }]);
});

it.each([
  ['hyperv', hyperv],
  ['milestone', milestone],
  ['awsWindows', awsWindows],
])('the module for Windows %s says that it is one, and keeps no path of it', (_, xml) => {
  const result = imported(xml);
  expect(result.report.toDo[0]).toContain('made for Windows');
  expect(moduleOf(result).mirror.directories).toEqual(['/srv/web']);
  expect(moduleOf(result).checks).toEqual([]);
});

it('a quick start keeps its times, and says where they could be shorter', () => {
  const result = imported(awsLinux);
  expect(moduleOf(result).failover).toMatchObject({
    automatic: true,
    detectionMs: 30_000,
    restarts: 3,
    restartPeriodMs: 86_400_000,
    failback: 'manual',
  });
  expect(told(result, 'service/heart@timeout')).toContain('default is 3s');
  expect(told(result, 'service@loop_interval')).toContain('hours');
  expect(result.report.toDo.join('\n')).toContain('"replication": true beside "default"');
});

it.each([
  ['farm', farm],
  ['apacheFarm', apacheFarm],
])('the farm %s becomes no module, and the report says what to do instead', (_, xml) => {
  const { report, reportText } = imported(xml);
  expect(report.impossible).toContain('load balancer');
  expect(reportText).toContain('| not supported |');
});
