import { describe, expect, it } from 'vitest';
import { changeBetween, moveDirectory } from '../../../extension/language/server/fixes/splitModule.ts';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { applyChanges } from '../../../schemas/jsonEdits.ts';

const text = `// The shop.
{
  "name": "shop",
  "hosts": ["alpha", "beta"], // alpha is the newer one
  "mirror": {
    // All on one disk.
    "directories": [
      "/srv/shop",
      // What the database writes.
      "/srv/db", // 20 GiB
      "/srv/log"
    ],
    "exclude": ["*.swp"]
  },
  "server": {
    "scripts": {
      "start": ["/etc/understudy/scripts/shop/start", "--all"],
      "stop": ["/etc/understudy/scripts/shop/stop"],
      "timeout": "120s"
    }
  },
  // Clients use it.
  "virtualAddresses": [{ "address": "10.77.0.100/24", "network": "lan" }],
  // Found out the hard way.
  "failover": { "detection": "5s" },
  "checks": [{ "tcp": { "port": 443 } }], // the shop answers
  "needs": { "memory": "4GiB" }
}
`;

const problems = (...texts: readonly string[]): string[] => {
  const documents = texts.map((each, index) => parseDocument('module', each, `${String(index)}.module.jsonc`));
  return [...documents.flatMap(({ diagnostics }) => diagnostics), ...crossChecks(documents)].map(
    ({ message }) => message,
  );
};

describe('a directory', () => {
  const split = moveDirectory(text, 1, 'db');

  it('leaves its module with what was said of it, and is depended on', () => {
    expect(split?.rest).toBe(
      text
        .replace('      // What the database writes.\n      "/srv/db", // 20 GiB\n', '')
        .replace('"memory": "4GiB" }\n', '"memory": "4GiB" },\n  "dependsOn": ["db"]\n'),
    );
  });

  it('gets a module of its own with the comments that are about it, and without what stays', () => {
    expect(split?.moved).toBe(`// Module db: /srv/db, moved out of the module shop.
// Change: write the scripts that start and stop what works there, in /etc/understudy/scripts/db on both hosts, and take that out of the
// scripts of shop, which is started after this module. What is below was copied from its file.
// The shop.
{
  "name": "db",
  "hosts": ["alpha", "beta"], // alpha is the newer one
  "mirror": {
    // All on one disk.
    "directories": [
      // What the database writes.
      "/srv/db" // 20 GiB
    ],
    "exclude": ["*.swp"]
  },
  "server": {
    "scripts": {
      "start": ["/etc/understudy/scripts/db/start"],
      "stop": ["/etc/understudy/scripts/db/stop"],
      "timeout": "120s"
    }
  },
  // Found out the hard way.
  "failover": { "detection": "5s" }
}
`);
  });

  it('makes two files without a mistake of one without a mistake', () => {
    expect(problems(text)).toEqual([]);
    expect(problems(split?.rest ?? '', split?.moved ?? '')).toEqual([]);
  });

  it('joins those that the module depends on already', () => {
    const depends = text.replace('"needs"', '"dependsOn": ["dns"],\n  "needs"');
    expect(moveDirectory(depends, 2, 'log')?.rest).toContain('"dependsOn": ["dns", "log"]');
    expect(moveDirectory(depends, 2, 'log')?.moved).toContain('"dependsOn": ["dns"]');
  });

  it('moves in a file on one line, and in one with line ends of Windows', () => {
    const line =
      '{"name":"a","hosts":["alpha","beta"],"mirror":{"directories":["/a","/b"]},"server":{"scripts":{"start":["/s"],"stop":["/s"]}},"hooks":{"afterStop":["/h"]}}';
    const one = moveDirectory(line, 1, 'b');
    expect(problems(one?.rest ?? '', one?.moved ?? '')).toEqual([]);
    expect(one?.rest).toContain('"directories":["/a"]');
    expect(one?.moved).toContain('"directories":["/b"]');
    const windows = moveDirectory(text.replaceAll('\n', '\r\n'), 1, 'db');
    expect(windows?.moved).toBe(split?.moved.replaceAll('\n', '\r\n'));
    expect(windows?.rest).toBe(split?.rest.replaceAll('\n', '\r\n'));
  });

  it('stays when it is the first one, when there is none, and with a virtual machine', () => {
    expect(moveDirectory(text, 0, 'db')).toBeNull();
    expect(moveDirectory(text, 3, 'db')).toBeNull();
    expect(moveDirectory(text.replace('"scripts"', '"qemu"'), 1, 'db')).toBeNull();
    expect(moveDirectory('{ "name": ', 1, 'db')).toBeNull();
  });
});

describe('the change between two texts', () => {
  it.each([
    ['abc', 'abXc'],
    ['aaaa', 'aa'],
    ['', 'new'],
    ['old', ''],
    ['same', 'same'],
    ['x😀y', 'x😁y'],
    ['a\r\nb', 'a\nb'],
    ['one\r\ntwo\r\n', 'one\r\n\r\ntwo\r\n'],
  ])('makes %j of %j', (before, after) => {
    const change = changeBetween(before, after);
    expect(applyChanges(before, [change])).toBe(after);
    for (const place of [change.start, change.end]) {
      expect(before.slice(place - 1, place + 1)).not.toMatch(/^(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|\r\n)$/);
    }
  });
});
