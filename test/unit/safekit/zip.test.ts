import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputFromFile } from '../../../agent/safekit/archive/moduleInput.ts';
import { readZip } from '../../../agent/safekit/archive/zip.ts';
import { ImportError, type ImportErrorCode } from '../../../agent/safekit/importError.ts';
import { limits } from '../../../agent/safekit/limits.ts';
import { zipFile, type ZipEntry } from '../../support/zipFile.ts';

/** What is said of a zip that is refused. */
function refusal(bytes: Uint8Array): { readonly code: ImportErrorCode; readonly message: string } {
  try {
    readZip(bytes);
  } catch (error) {
    if (error instanceof ImportError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('The zip was taken.');
}

const contents = (bytes: Uint8Array): Record<string, string> =>
  Object.fromEntries(readZip(bytes).map((file) => [file.path, Buffer.from(file.bytes).toString()]));

describe('a sound zip', () => {
  it('is read: packed, stored and empty files, folders, names in UTF-8, a comment', () => {
    const zip = zipFile(
      [
        { name: 'conf/', mode: 0o040755, stored: true },
        { name: 'conf/userconfig.xml', content: '<safe/>' },
        { name: 'bin/start_prim', content: '#!/bin/sh\n', stored: true, mode: 0o100755 },
        { name: 'bin/leer' },
        { name: 'bin/démarrer', content: 'é'.repeat(50) },
      ],
      { comment: 'made by hand' },
    );
    expect(contents(zip)).toEqual({
      'conf/userconfig.xml': '<safe/>',
      'bin/start_prim': '#!/bin/sh\n',
      'bin/leer': '',
      'bin/démarrer': 'é'.repeat(50),
    });
  });

  it('may have been made on Windows: its names are brought into the form of ours', () => {
    expect(contents(zipFile([{ name: 'bin\\start_prim.ps1', content: 'x' }]))).toEqual({ 'bin/start_prim.ps1': 'x' });
  });

  it('may begin every name with its own folder', () => {
    expect(contents(zipFile([{ name: './bin/x', content: 'x' }]))).toEqual({ 'bin/x': 'x' });
  });

  it('may lie within a larger buffer', () => {
    const zip = zipFile([{ name: 'a', content: 'x' }]);
    const around = Buffer.concat([Buffer.alloc(100, 7), zip, Buffer.alloc(100, 7)]);
    expect(contents(around.subarray(100, 100 + zip.length))).toEqual({ a: 'x' });
  });
});

describe('a zip whose files would be written elsewhere is refused', () => {
  it.each([
    ['../../etc/cron.d/x', 'leads out of its folder'],
    ['bin/../../x', 'leads out of its folder'],
    ['..\\..\\x', 'leads out of its folder'],
    ['/etc/passwd', 'absolute name'],
    ['\\\\server\\share\\x', 'absolute name'],
    ['C:\\Windows\\x', 'absolute name'],
    ['c:x', 'absolute name'],
    ['bin/./x', 'empty name'],
    ['bin//x', 'empty name'],
    ['.//x', 'empty name'],
    ['./../x', 'leads out of its folder'],
    ['', 'no name'],
    ['bin/x\u0000.txt', 'control characters'],
    ['bin/a\nb', 'control characters'],
    ['bin/x:stream', 'not every system'],
    ['bin/x.', 'not every system'],
    ['bin/NUL', 'not every system'],
    ['con.d/start_prim', 'not every system'],
    ['bin/com1.sh', 'not every system'],
    ['bin/start_prim\u200B', 'not seen'],
    ['bin/\u202Emirp_trats', 'not seen'],
  ])('%j', (name, why) => {
    const { code, message } = refusal(zipFile([{ name, content: 'x' }]));
    expect(code).toBe('UNSAFE_NAME');
    expect(message).toContain(why);
  });

  it('a symbolic link', () => {
    const { code, message } = refusal(zipFile([{ name: 'bin/x', content: '/etc/shadow', mode: 0o120777 }]));
    expect([code, message]).toEqual(['UNSAFE_NAME', expect.stringContaining('symbolic link')]);
  });

  it('a device', () => expect(refusal(zipFile([{ name: 'x', mode: 0o060600 }])).code).toBe('UNSAFE_NAME'));

  it.each([
    ['the same name twice', ['a', 'a']],
    ['names that differ in their case only', ['bin/Start', 'bin/start']],
    ['names that are spelled in two ways', ['é', 'é']],
    ['names that are the same in capitals', ['bin/ſtart', 'bin/start']],
    ['a file in the place of a folder', ['bin', 'bin/start']],
  ])('%s', (_, names) => {
    const entries = names.map((name): ZipEntry => ({ name, content: name }));
    expect(refusal(zipFile(entries)).code).toBe('UNSAFE_NAME');
    expect(refusal(zipFile([...entries].reverse())).code).toBe('UNSAFE_NAME');
  });

  it('a name in an encoding that nobody knows', () => {
    expect(refusal(zipFile([{ name: Uint8Array.of(0x82, 0x2e), content: 'x' }])).code).toBe('UNSAFE_NAME');
    expect(refusal(zipFile([{ name: Uint8Array.of(0xff, 0xfe), flags: 0x800 }])).code).toBe('UNSAFE_NAME');
  });
});

describe('a zip that would fill memory or disk is refused', () => {
  it('one whose files are packed far too well', () => {
    const { code, message } = refusal(zipFile([{ name: 'x', content: Buffer.alloc(3 * 1024 * 1024) }]));
    expect([code, message]).toEqual(['TOO_LARGE', expect.stringContaining('bomb')]);
  });

  it('one that is larger than it says', () => {
    const packed = deflateRawSync(Buffer.alloc(8 * 1024 * 1024));
    const { code } = refusal(zipFile([{ name: 'x', packed, declaredSize: 10, declaredCrc: 0 }]));
    expect(code).toBe('TOO_LARGE');
  });

  it('one that is smaller than it says', () => {
    expect(refusal(zipFile([{ name: 'x', content: 'abc', declaredSize: 100 }])).code).toBe('ZIP_DAMAGED');
  });

  it('one file that is too large, though it is hardly packed', () => {
    const content = Buffer.alloc(limits.file + 1, 1);
    expect(refusal(zipFile([{ name: 'x', content, stored: true }])).code).toBe('TOO_LARGE');
  });

  it('files that are too large together', () => {
    const content = Buffer.from(Array.from({ length: 150_000 }, (_, index) => String(index % 7919)).join(','));
    const entries = Array.from({ length: Math.ceil(limits.total / content.length) + 1 }, (_, index) => ({
      name: `bin/${String(index)}`,
      content,
    }));
    expect(refusal(zipFile(entries)).code).toBe('TOO_LARGE');
  });

  it('too many files', () => {
    const entries = Array.from({ length: limits.files + 1 }, (_, index) => ({ name: String(index), stored: true }));
    expect(refusal(zipFile(entries)).code).toBe('TOO_LARGE');
  });

  it('files that share their bytes', () => {
    const zip = zipFile([
      { name: 'a', content: 'abc' },
      { name: 'a2', localName: 'a', content: 'abc', at: 0 },
    ]);
    expect(refusal(zip).code).toBe('ZIP_DAMAGED');
  });

  it('a name that is too long, and folders that are too deep', () => {
    expect(refusal(zipFile([{ name: 'x'.repeat(300) }])).code).toBe('TOO_LARGE');
    expect(refusal(zipFile([{ name: 'a/'.repeat(40) + 'x' }])).code).toBe('TOO_LARGE');
  });

  it('an archive that is too large', () => {
    expect(refusal(Buffer.alloc(limits.archive + 1)).code).toBe('TOO_LARGE');
  });
});

describe('a zip that is not what it seems is refused', () => {
  const sound = zipFile([{ name: 'conf/userconfig.xml', content: '<safe/>' }]);

  it.each([
    ['bit 0: encrypted', { flags: 1 }],
    ['bit 6: strongly encrypted', { flags: 0x41 }],
    ['bit 13: with an encrypted directory', { flags: 0x2000 }],
    ['AES', { method: 99 }],
    ['another method', { method: 14 }],
  ])('%s', (_, entry) => {
    expect(refusal(zipFile([{ name: 'x', content: 'x', ...entry }])).code).toBe('ZIP_UNSUPPORTED');
  });

  it('a file of another name beside its content', () => {
    expect(refusal(zipFile([{ name: 'good', localName: 'evil', content: 'x' }])).code).toBe('ZIP_DAMAGED');
  });

  it('a file of another size beside its content', () => {
    const entry = { name: 'x', content: 'abc', stored: true, localSize: 2 };
    expect(refusal(zipFile([entry])).code).toBe('ZIP_DAMAGED');
    expect(contents(zipFile([{ ...entry, localFlags: 0x808, flags: 0x808 }]))).toEqual({ x: 'abc' });
  });

  it('one with another archive hidden in its comment', () => {
    const inner = (base: number): Buffer => zipFile([{ name: 'evil', content: 'x' }], { base });
    const base = zipFile([{ name: 'good', content: 'x' }]).length;
    const { code, message } = refusal(zipFile([{ name: 'good', content: 'x' }], { comment: inner(base) }));
    expect([code, message]).toEqual(['ZIP_DAMAGED', expect.stringContaining('two end records')]);
  });

  it('one that has a directory of the format zip64 beside the plain one', () => {
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    const { code, message } = refusal(zipFile([{ name: 'x', content: 'x' }], { beforeEnd: locator }));
    expect([code, message]).toEqual(['ZIP_UNSUPPORTED', expect.stringContaining('zip64')]);
  });

  it('a content that is not that of the checksum', () => {
    expect(refusal(zipFile([{ name: 'x', content: 'abc', declaredCrc: 1 }])).code).toBe('ZIP_DAMAGED');
  });

  it('one that is cut off anywhere', () => {
    for (let length = 4; length < sound.length; length += 1) {
      expect(() => readZip(sound.subarray(0, length)), String(length)).toThrow(ImportError);
    }
  });

  it('one with something behind it or before it', () => {
    expect(refusal(Buffer.concat([sound, Buffer.from('x')])).code).toBe('ZIP_DAMAGED');
    expect(refusal(Buffer.concat([Buffer.from('x'), sound])).code).toBe('ZIP_DAMAGED');
  });

  it('one that counts other files than it has', () => {
    const entries = [{ name: 'a' }, { name: 'b' }];
    expect(refusal(zipFile(entries, { count: 1 })).code).toBe('ZIP_DAMAGED');
    expect(refusal(zipFile(entries, { count: 3 })).code).toBe('ZIP_DAMAGED');
    expect(refusal(zipFile(entries, { count: 0xffff })).code).toBe('ZIP_UNSUPPORTED');
  });

  it('never with anything but a reason, whatever byte is changed', () => {
    const zip = zipFile([
      { name: 'conf/userconfig.xml', content: '<safe></safe>'.repeat(20) },
      { name: 'bin/start_prim', content: '#!/bin/sh\n', stored: true },
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(zip.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const changed = Buffer.from(zip);
          for (const [at, value] of changes) changed[at] = value;
          try {
            for (const file of readZip(changed)) expect(file.path).not.toMatch(/^\/|\.\.\//);
          } catch (error) {
            expect(error).toBeInstanceOf(ImportError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('the module in it', () => {
  it('may lie in a folder of its own', () => {
    const input = inputFromFile(
      zipFile([
        { name: 'web/conf/userconfig.xml', content: '<safe/>' },
        { name: 'web/bin/start_prim', content: 'x' },
        { name: 'readme.txt', content: 'beside it' },
      ]),
    );
    expect(input.files.map(({ path }) => path)).toEqual(['bin/start_prim', 'conf/userconfig.xml']);
  });

  it('has to be there, once', () => {
    expect(() => inputFromFile(zipFile([{ name: 'x', content: 'x' }]))).toThrow(/no conf\/userconfig.xml/);
    const twice = zipFile([{ name: 'a/conf/userconfig.xml' }, { name: 'b/conf/userconfig.xml' }]);
    expect(() => inputFromFile(twice)).toThrow(/several modules/);
  });
});
