import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImportError } from '../../../agent/safekit/importError.ts';
import { imported, moduleOf, service, textOf, told } from './importing.ts';

const rfs = '<rfs><replicated dir="/srv/web"/></rfs>';

describe('service', () => {
  it('failover, preferred host and counters', () => {
    const result = imported(
      service(rfs, 'mode="mirror" failover="off" defaultprim="Node_1" maxloop="5" loop_interval="2h"'),
    );
    expect(moduleOf(result)).toMatchObject({
      hosts: ['node-1', 'second-host'],
      failover: { automatic: false, failback: 'automatic', restarts: 5, restartPeriodMs: 7_200_000 },
    });
    expect(told(result, 'service@defaultprim')).toContain('The name became "node-1"');
  });

  it('says of values that it does not know that it does not know them', () => {
    const result = imported(
      service(rfs, 'mode="mirror" failover="maybe" maxloop="many" loop_interval="soon" boot="perhaps" new="1"'),
    );
    for (const name of ['failover', 'maxloop', 'loop_interval', 'boot', 'new']) {
      expect(told(result, `service@${name}`), name).toMatch(/^unknown: /);
    }
    expect(moduleOf(result).failover).toMatchObject({ automatic: true, restarts: 3, restartPeriodMs: 600_000 });
  });

  it('a module that is only started again on its host becomes none', () => {
    expect(imported(service('', 'mode="light"')).report.impossible).toContain('systemd');
    expect(imported(service('', 'mode="other"')).report.impossible).toContain('not known');
    expect(imported('<safe/>').report.impossible).toContain('no <service>');
  });

  it('elements and attributes that nobody knows are told of, with those within them', () => {
    const result = imported(service(`${rfs}<novelty a="1"><deep b="2">words</deep></novelty>`));
    expect(told(result, 'service/novelty')).toMatch(/^unknown: /);
    expect(told(result, 'service/novelty/deep@b')).toMatch(/^unknown: /);
    expect(told(result, 'service/novelty/deep/text()')).toMatch(/^unknown: /);
  });

  it('names that objects of JavaScript have are names like others', () => {
    const result = imported(service(`${rfs}<constructor toString="1" __proto__="2"/><hasOwnProperty/>`));
    expect(told(result, 'service/constructor@toString')).toMatch(/^unknown: /);
    expect(told(result, 'service/constructor@__proto__')).toMatch(/^unknown: /);
  });
});

describe('times', () => {
  it('that are longer than a module file may say become the longest ones, which is told', () => {
    const result = imported(
      service(
        `<heart timeout="2h"/>${rfs}<user nicestoptimeout="3d" forcestoptimeout="3d"/>
         <check><tcp ident="x" when="prim"><to addr="127.0.0.1" port="80" interval="2d" timeout="2d"/></tcp></check>`,
      ),
      { 'bin/start_prim': '', 'bin/stop_prim': '' },
    );
    const { failover, server, checks } = moduleOf(result);
    expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(failover.detectionMs).toBe(3_600_000);
    expect(server).toMatchObject({ timeoutMs: 86_400_000 });
    expect(checks).toMatchObject([{ everyMs: 86_400_000, timeoutMs: 86_400_000 }]);
    expect(told(result, 'service/heart@timeout')).toContain('1h is the most.');
    expect(told(result, 'service/check/tcp/to@interval')).toBe(
      'translated: It is "every" of the check. 1d is the most.',
    );
  });
});

describe('heartbeats', () => {
  it('the longest time of the networks counts, since a host is lost when all of them are silent', () => {
    const heart =
      '<heart timeout="5s"><heartbeat name="Lan_A" timeout="8000"/><heartbeat name="b" ident="flow"/></heart>';
    const result = imported(service(heart + rfs));
    expect(moduleOf(result).failover.detectionMs).toBe(8000);
    expect(result.report.toDo.join('\n')).toContain(
      '"lan-a", "b" with the addresses of the hosts, and "replication": true beside "b"',
    );
  });

  it('a network without a time of its own has that of SafeKit when another one is stated', () => {
    const heart = '<heart><heartbeat name="a" timeout="8000"/><heartbeat name="b"/></heart>';
    expect(moduleOf(imported(service(heart + rfs))).failover.detectionMs).toBe(30_000);
  });

  it('without any time the default is in force, and the report tells of the difference', () => {
    const result = imported(service('<heart><heartbeat name="a"/></heart>' + rfs));
    expect(moduleOf(result).failover.detectionMs).toBe(3000);
    expect(result.report.differences.join('\n')).toContain('silent for 3 seconds');
  });

  it.each(['0', '0s', '-5', 'soon'])('a time that is none (%s) is told of, and the default is in force', (timeout) => {
    const result = imported(service(`<heart timeout="${timeout}"/>${rfs}`));
    expect(moduleOf(result).failover.detectionMs).toBe(3000);
    expect(told(result, 'service/heart@timeout')).toMatch(/^unknown: /);
  });

  it('a time that is too short for Understudy becomes the shortest one', () => {
    expect(moduleOf(imported(service('<heart timeout="100ms"/>' + rfs))).failover.detectionMs).toBe(400);
  });
});

describe('virtual addresses', () => {
  const vip = (addresses: string, attributes = ''): string =>
    service(
      `<heart><heartbeat name="lan"/></heart><vip><interface_list><interface ${attributes}><real_interface>${addresses}</real_interface></interface></interface_list></vip>${rfs}`,
    );
  const addr = 'service/vip/interface_list/interface/real_interface/virtual_addr';

  it('have the prefix of their netmask, and the network of the heartbeats, which is marked', () => {
    const result = imported(
      vip('<virtual_addr addr="10.0.0.100" where="one_side_alias" netmask="255.255.255.0" check="on"/>'),
    );
    expect(moduleOf(result).virtualAddresses).toEqual([
      { address: '10.0.0.100', prefixLength: 24, network: 'lan', interface: null },
    ]);
    expect(textOf(result, 'web.module.jsonc')).toMatch(/netmask|virtual_addr@addr[^]*FILL IN: the network/);
  });

  it('are set on the interface that is named', () => {
    const result = imported(vip('<virtual_addr addr="fd00::100/64"/>', 'name="br0" check="on"'));
    expect(moduleOf(result).virtualAddresses).toEqual([
      { address: 'fd00::100', prefixLength: 64, network: null, interface: 'br0' },
    ]);
    expect(told(result, 'service/vip/interface_list/interface@check')).toContain('failover.conditions');
  });

  it.each([
    ['a name', 'www.example.com'],
    ['nothing', ''],
    ['a loopback address', '127.0.0.1'],
    ['a group', '224.0.0.1'],
    ['a macro that is not defined', '%VIP%'],
  ])('that are none are left out and asked for: %s', (_, address) => {
    const result = imported(vip(`<virtual_addr addr="${address}"/>`));
    expect(moduleOf(result).virtualAddresses).toEqual([]);
    expect(told(result, `${addr}@addr`)).toMatch(/^unsupported: /);
    expect(result.report.toDo.join('\n')).toMatch(/virtual address|address of/);
  });

  it('stand once, however they are spelled', () => {
    const result = imported(vip('<virtual_addr addr="fd00::1"/><virtual_addr addr="fd00:0::1"/>'));
    expect(moduleOf(result).virtualAddresses).toHaveLength(1);
  });
});

describe('replication', () => {
  const replicated = (content: string, attributes = ''): string => service(`<rfs ${attributes}>${content}</rfs>`);

  it('excludes paths, with what globs would take for patterns', () => {
    const result = imported(
      replicated(
        '<replicated dir="/srv/web/"><notreplicated path="tmp/a[1]*"/><notreplicated path="/srv/web/logs"/><notreplicated regexpath=".*\\.swp$"/></replicated>',
      ),
    );
    expect(moduleOf(result).mirror).toMatchObject({
      directories: ['/srv/web'],
      exclude: ['/tmp/a[[]1][*]', '/logs', '*.swp'],
    });
  });

  it('excludes nothing from a directory that another one excludes: that may be what it is there for', () => {
    const result = imported(
      replicated(
        '<replicated dir="/srv/web"><notreplicated path="tmp"/><notreplicated regexpath=".*\\.swp$"/></replicated><replicated dir="/srv/data"><notreplicated regexpath=".*\\.swp$"/></replicated>',
      ),
    );
    expect(moduleOf(result).mirror.exclude).toEqual(['*.swp']);
    expect(told(result, 'service/rfs/replicated[1]/notreplicated[1]@path')).toMatch(/^unsupported: .*\/srv\/data/);
    expect(result.report.toDo.join('\n')).toContain('Put "/tmp" into "mirror.exclude" if it may hold for /srv/data');
  });

  it.each(['!.*\\.db$', '.*\\.(a|b)$', '^cache.*', ''])('leaves the expression %j to a person', (expression) => {
    const result = imported(
      replicated(`<replicated dir="/srv/web"><notreplicated regexpath="${expression}"/></replicated>`),
    );
    expect(moduleOf(result).mirror.exclude).toEqual([]);
    expect(told(result, 'service/rfs/replicated/notreplicated@regexpath')).toMatch(/^unsupported: /);
    expect(result.report.toDo.join('\n')).toContain('Write a glob');
  });

  it.each([
    ['relative', 'srv/web'],
    ['the root', '/'],
    ['leading elsewhere', '/srv/../etc'],
    ['where the agent has its files', '/etc'],
    ['where the agent keeps its state', '/var/lib/understudy/x'],
    ['of Windows', 'C:\\data'],
    ['of a share', '\\\\server\\data'],
  ])('refuses a directory that is %s, and asks for one', (_, dir) => {
    const result = imported(
      replicated(`<replicated dir="${dir}" mode="read_only"><notreplicated path="x"/></replicated>`),
    );
    expect(moduleOf(result).mirror).toMatchObject({ directories: ['/srv/web'], exclude: [] });
    expect(told(result, 'service/rfs/replicated@dir')).toMatch(/^unsupported: /);
    expect(told(result, 'service/rfs/replicated/notreplicated@path')).toMatch(/^unsupported: /);
    expect(textOf(result, 'web.module.jsonc')).toContain('FILL IN: the directories');
  });

  it('keeps the first one of directories that share files', () => {
    const result = imported(
      replicated('<replicated dir="/srv/a/b"/><replicated dir="/srv/a"/><replicated dir="/srv/c"/>'),
    );
    expect(moduleOf(result).mirror.directories).toEqual(['/srv/a/b', '/srv/c']);
    expect(told(result, 'service/rfs/replicated[2]@dir')).toContain('/srv/a/b');
  });

  it('limits a resync, and says what is better as it is', () => {
    const result = imported(
      replicated(
        '<replicated dir="/srv/web"/>',
        'reiallowedbw="20480" async="second" syncdelta="10m" syncat="0 3 * * *"',
      ),
    );
    expect(moduleOf(result).resync.bandwidth).toBe(20_480 * 1024);
    expect(told(result, 'service/rfs@async')).toContain('stricter');
    expect(told(result, 'service/rfs@syncdelta')).toMatch(/^unsupported: .*force-primary/);
    expect(told(result, 'service/rfs@syncat')).toMatch(/^unsupported: /);
  });

  it('looks for files that have to be there before a start', () => {
    const result = imported(replicated('<replicated dir="/srv/web"><tocheck path="it\'s there"/></replicated>'));
    expect(moduleOf(result).hooks.programs).toEqual({
      beforePrimary: ['/etc/understudy/scripts/web/hooks/before-primary'],
    });
    expect(textOf(result, 'scripts/web/hooks/before-primary')).toContain(`'/srv/web/it'\\''s there'`);
  });
});

describe('checks', () => {
  const check = (content: string): ReturnType<typeof imported> => imported(service(`${rfs}<check>${content}</check>`));

  it('look while the server runs, and do what the action says', () => {
    const module = moduleOf(
      check(
        `<tcp ident="http" when="prim" action="stopstart"><to addr="10.0.0.5" port="80" interval="20s" timeout="30s"/></tcp>
         <ping ident="guest" when="prim" action="noaction"><to addr="guest.example.com"/></ping>`,
      ),
    );
    expect(module.checks).toMatchObject([
      {
        name: 'http',
        target: { kind: 'tcp', host: '10.0.0.5', port: 80 },
        everyMs: 20_000,
        timeoutMs: 20_000,
        onFailure: 'failover',
      },
      { name: 'guest', target: { kind: 'ping', host: 'guest.example.com' }, everyMs: 10_000, onFailure: 'report' },
    ]);
  });

  it('before a start are conditions', () => {
    const result = check(
      '<ping ident="gateway"><to addr="10.0.0.254"/></ping><tcp ident="db" when="pre" action="wait"><to addr="db" port="5432"/></tcp>',
    );
    expect(moduleOf(result).failover.conditions).toMatchObject([
      { name: 'gateway', target: { kind: 'ping', host: '10.0.0.254' } },
      { name: 'db', target: { kind: 'tcp', host: 'db', port: 5432 } },
    ]);
    expect(moduleOf(result).checks).toEqual([]);
  });

  it('that would have the module wait move it, also where that is what SafeKit does unasked', () => {
    const result = check(
      '<ping ident="gateway" when="prim"><to addr="10.0.0.254"/></ping><tcp ident="db" when="both" action="wait"><to addr="db" port="5432"/></tcp>',
    );
    expect(moduleOf(result).checks).toMatchObject([
      { name: 'gateway', onFailure: 'failover' },
      { name: 'db', onFailure: 'failover' },
    ]);
    expect(told(result, 'service/check/tcp@action')).toMatch(/^translated: /);
  });

  it('on the secondary are left out, and told of', () => {
    const result = check('<tcp ident="x" when="second"><to addr="127.0.0.1" port="80"/></tcp>');
    expect(moduleOf(result).checks).toEqual([]);
    expect(told(result, 'service/check/tcp@when')).toMatch(/^unsupported: .*secondary/);
  });

  it.each([
    ['a port that is none', '<tcp ident="x" when="prim"><to addr="127.0.0.1" port="99999"/></tcp>', 'tcp'],
    ['an address that would be an option', '<ping ident="x" when="prim"><to addr="-f"/></ping>', 'ping'],
    ['nothing to look at', '<tcp ident="x" when="prim"/>', 'tcp'],
    ['a moment that is not known', '<tcp ident="x" when="later"><to addr="127.0.0.1" port="80"/></tcp>', 'tcp'],
    ['a program that leads elsewhere', '<custom ident="x" exec="../../bin/sh" when="prim"/>', 'custom'],
  ])('with %s are left out', (_, xml, name) => {
    const result = check(xml);
    expect(moduleOf(result)).toMatchObject({ checks: [], failover: { conditions: [] } });
    expect(told(result, `service/check/${name}`)).toMatch(/^unsupported: /);
  });

  it('of processes count from the time that is said', () => {
    const module = moduleOf(
      imported(
        service(
          `${rfs}<errd polltimer="20s"><proc name="db" atleast="2" start_after="11"/><proc name="db" argregex=".*/data .*" action="restart"/><proc name="x" class="second"/></errd>`,
        ),
      ),
    );
    expect(module.checks).toMatchObject([
      {
        name: 'process db',
        target: { kind: 'process', name: 'db' },
        everyMs: 20_000,
        startGraceMs: 200_000,
        onFailure: 'failover',
      },
      {
        name: 'process db 2',
        target: { argv: ['/usr/bin/pgrep', '--full', '--', '.*/data .*'] },
        onFailure: 'restart',
      },
    ]);
  });

  it.each([
    ['pre', 'unsupported'],
    ['other', 'unsupported'],
    ['second', 'unsupported'],
    ['someday', 'unknown'],
  ])('of processes of the class %s are left out: %s', (name, outcome) => {
    const result = imported(service(`${rfs}<errd><proc name="x" class="${name}"/></errd>`));
    expect(moduleOf(result).checks).toEqual([]);
    expect(told(result, 'service/errd/proc')).toMatch(/^unsupported: /);
    expect(told(result, 'service/errd/proc@class')).toMatch(new RegExp(`^${outcome}: `));
  });

  it('of another module become a dependency', () => {
    const result = check('<module name="Data Base"><to addr="10.0.0.1" port="9010"/></module><module name="web"/>');
    expect(moduleOf(result).dependsOn).toEqual(['data-base']);
    expect(told(result, 'service/check/module[1]/to@addr')).toMatch(/^unsupported: /);
    expect(told(result, 'service/check/module[2]')).toMatch(/^unsupported: /);
  });

  it('against two primaries become the arbiter', () => {
    const result = check('<splitbrain ident="witness" exec="ping" arg="10.0.0.254"/>');
    expect(told(result, 'service/check/splitbrain@arg')).toContain('arbiter');
    expect(result.report.toDo.join('\n')).toContain('Name an arbiter');
  });

  it('are at most as many as a module can have', () => {
    const result = check('<tcp ident="x" when="prim"><to addr="127.0.0.1" port="80"/></tcp>'.repeat(40));
    expect(moduleOf(result).checks).toHaveLength(32);
    expect(new Set(moduleOf(result).checks.map(({ name }) => name)).size).toBe(32);
    expect(told(result, 'service/check/tcp[40]')).toContain('at most 32');
  });
});

describe('failover rules', () => {
  it('say what the failure of a check means, wherever they stand; others are told of one by one', () => {
    const result = imported(
      service(`<failover period="5000ms"><![CDATA[
          /* of our own */
          app_down: if (custom.app == down) then restart();
          both: if (tcp.a == down && tcp.b == down) then stopstart();
          splitbrain_failure: if (splitbrain.uptodate == down) then wait();
          gateway_away: if (ping.gateway == down) then wait();
          --Lua Rules
        ]]></failover>${rfs}<check><custom ident="app" exec="look" when="prim"/><ping ident="gateway"><to addr="10.0.0.254"/></ping></check>`),
    );
    expect(moduleOf(result).checks).toMatchObject([{ name: 'app', onFailure: 'restart' }]);
    const rules = result.report.configuration.filter(({ path }) => path === 'service/failover/text()');
    expect(rules.map(({ outcome }) => outcome)).toEqual([
      'translated',
      'unsupported',
      'translated',
      'translated',
      'unsupported',
    ]);
    expect(rules[1]?.value).toContain('tcp.a == down && tcp.b == down');
    expect(result.report.toDo.join('\n')).toContain('failover rules');
  });
});

describe('hostile values', () => {
  it('rules without number are refused, not a crash', () => {
    expect(() => imported(service(`<failover>${'a;'.repeat(300_000)}</failover>${rfs}`))).toThrow(ImportError);
    expect(() => imported(service(`${'<failover>a;b;</failover>'.repeat(2000)}${rfs}`))).toThrow(/failover rules/);
  });

  it('are data wherever they come out: in JSON, comments, scripts and Markdown', () => {
    const evil =
      '`|</script><img src=x onerror=alert(1)>[x](command:evil)\u202E\u2028$(touch /tmp/x)\'"&#10;exit 0&#10;// }';
    const value = evil
      .replaceAll('&#10;', '\u0001')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('"', '&quot;')
      .replaceAll('\u0001', '&#10;');
    const result = imported(
      service(
        `<rfs><replicated dir="/srv/${value}"/></rfs><user x="${value}"><var name="A" value="${value}"/></user><check><custom ident="${value}" exec="look" arg="${value}" when="prim"/></check>`,
        `mode="mirror" defaultprim="${value}"`,
      ),
      { 'bin/start_prim': '#!/bin/sh\n' },
    );
    expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    const module = textOf(result, 'web.module.jsonc');
    expect(module).not.toMatch(/[\u202E\u2028]/);
    expect(result.reportText).not.toMatch(/[\u202E\u2028]/);
    // Nothing of it stands outside of a code span.
    const outside = result.reportText.replace(/\\[`\\<>[\]|*_]/g, '').replace(/(`+)[^]*?\1/g, '');
    expect(outside).not.toMatch(/<img|<\/script|\]\(command/);
    expect(textOf(result, 'scripts/web/environment')).toContain(`A='\`|</script>`);
  });
});

describe('whatever a configuration says', () => {
  const words = fc.constantFrom(
    '',
    'on',
    'off',
    'mirror',
    'prim',
    'pre',
    'wait',
    'restart',
    '10',
    '5s',
    '0',
    '-1',
    '/srv/a',
    '/srv/a/b',
    '/etc',
    'C:\\x',
    '10.0.0.5',
    '::1',
    'fd00::7',
    '255.255.255.0',
    'flow',
    'vm 1',
    '%A%',
    'a"b\'c',
    '*.x',
    '.*\\.y$',
    'éè',
    'x'.repeat(300),
  );
  const names = fc.constantFrom(
    'mode',
    'boot',
    'failover',
    'defaultprim',
    'maxloop',
    'loop_interval',
    'timeout',
    'pulse',
    'name',
    'ident',
    'addr',
    'netmask',
    'where',
    'check',
    'dir',
    'path',
    'regexpath',
    'reiallowedbw',
    'async',
    'syncdelta',
    'polltimer',
    'class',
    'action',
    'when',
    'port',
    'interval',
    'exec',
    'arg',
    'value',
    'atleast',
    'start_after',
    'argregex',
    'nameregex',
    'service',
    'nicestoptimeout',
    'nonsense',
  );
  const shapes: readonly (readonly string[])[] = [
    ['heart'],
    ['heart', 'heartbeat'],
    ['vip', 'interface_list', 'interface'],
    ['vip', 'interface_list', 'interface', 'real_interface', 'virtual_addr'],
    ['rfs'],
    ['rfs', 'replicated'],
    ['rfs', 'replicated', 'notreplicated'],
    ['rfs', 'replicated', 'tocheck'],
    ['user', 'var'],
    ['errd', 'proc'],
    ['check', 'tcp', 'to'],
    ['check', 'ping', 'to'],
    ['check', 'custom'],
    ['check', 'module'],
    ['failover'],
  ];
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  const attributes = fc.dictionary(names, words, { maxKeys: 6 }).map((each) =>
    Object.entries(each)
      .map(([name, value]) => ` ${name}="${escape(value)}"`)
      .join(''),
  );
  const element = fc
    .tuple(fc.constantFrom(...shapes), fc.array(attributes, { minLength: 5, maxLength: 5 }))
    .map(([shape, values]) => {
      const open = shape.map((name, index) => `<${name}${values[index] ?? ''}>`).join('');
      return (
        open +
        [...shape]
          .reverse()
          .map((name) => `</${name}>`)
          .join('')
      );
    });

  it('the module file has no errors, and everything is told of', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 12 }), attributes, (elements, own) => {
        const mode = own.includes(' mode=') ? '' : ' mode="mirror"';
        const xml = `<safe><macro name="A" value="10.0.0.9"/><service${mode}${own}>${elements.join('')}</service></safe>`;
        const result = imported(xml);
        expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
        const count =
          (xml.match(/<[a-z]/g) ?? []).length + (xml.replace(/"[^"]*"/g, '""').match(/ [a-z_]+=""/g) ?? []).length;
        expect(result.report.configuration).toHaveLength(count);
        if (result.report.impossible === null) moduleOf(result);
      }),
      { numRuns: 1500 },
    );
  });
});
