import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImportError, type ImportErrorCode } from '../../../agent/safekit/importError.ts';
import { limits } from '../../../agent/safekit/limits.ts';
import { decodeXml } from '../../../agent/safekit/xml/decode.ts';
import { parseXml } from '../../../agent/safekit/xml/parse.ts';
import { readTree, valueOf } from '../../../agent/safekit/xml/tree.ts';

function refusal(work: () => unknown): { readonly code: ImportErrorCode; readonly message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof ImportError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('It was taken.');
}

const refused = (text: string): ImportErrorCode => refusal(() => parseXml(text)).code;

describe('XML as configurations have it', () => {
  it('is read with the lines of its elements and attributes', () => {
    const { root, commentedOut } = parseXml(
      [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<!-- <rfs/> is not here -->',
        '<!DOCTYPE safe>',
        '<safe>',
        '  <service mode = "mirror"',
        "           boot='on'/>",
        '  <a.b-c:d>x&lt;y<![CDATA[ <z> & ]]>&#65;&#x42;</a.b-c:d>',
        '</safe>',
        '<!-- the end -->',
      ].join('\r\n'),
    );
    expect(commentedOut).toEqual([2]);
    expect(root).toMatchObject({ name: 'safe', line: 4, attributes: [] });
    expect(root.children).toMatchObject([
      {
        name: 'service',
        line: 5,
        attributes: [
          { name: 'mode', value: 'mirror', line: 5 },
          { name: 'boot', value: 'on', line: 6 },
        ],
      },
      { name: 'a.b-c:d', text: 'x<y <z> & AB', line: 7 },
    ]);
  });

  it('takes line ends and tabs within a value for blanks', () => {
    expect(parseXml('<a b="x\r\ny\tz&#10;"/>').root.attributes[0]?.value).toBe('x y z\n');
  });

  it.each([
    ['a document type that declares an entity', '<!DOCTYPE safe [<!ENTITY a "b">]><safe/>'],
    ['one that names a file', '<!DOCTYPE safe SYSTEM "file:///etc/passwd"><safe/>'],
    ['one that names a public text', '<!DOCTYPE safe PUBLIC "x" "http://example.com/x"><safe/>'],
    ['an entity that nobody declared', '<safe>&a;</safe>'],
    ['an entity in a value', '<safe a="&a;"/>'],
    ['an entity without its end', '<safe>&amp </safe>'],
    ['a name that objects have', '<safe>&constructor;</safe>'],
    ['a character that is none', '<safe>&#0;</safe>'],
    ['a character beyond all', '<safe>&#x110000;</safe>'],
    ['half of a character', '<safe>&#xD800;</safe>'],
  ])('refuses %s', (_, text) => expect(refused(text)).toBe('XML_DTD'));

  it('refuses what would grow to gigabytes elsewhere, at its first line', () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `<!ENTITY l${String(index + 1)} "${`&l${String(index)};`.repeat(10)}">`,
    );
    const { code, message } = refusal(() =>
      parseXml(`<!DOCTYPE safe [<!ENTITY l0 "lol">${levels.join('')}]>\n<safe>&l9;</safe>`),
    );
    expect([code, message]).toEqual(['XML_DTD', expect.stringContaining('Line 1')]);
  });

  it.each([
    ['nothing', ''],
    ['no element', '<!-- x -->'],
    ['text before', 'x<safe/>'],
    ['text behind', '<safe/>x'],
    ['two elements', '<safe/><safe/>'],
    ['an element that does not end', '<safe><a></safe>'],
    ['elements that overlap', '<safe><a><b></a></b></safe>'],
    ['the end of the file', '<safe>'],
    ['an attribute twice', '<safe a="1" a="2"/>'],
    ['a value without quotes', '<safe a=1/>'],
    ['an attribute without a value', '<safe a/>'],
    ['attributes without a blank', '<safe a="1"b="2"/>'],
    ['"<" in a value', '<safe a="<"/>'],
    ['a value that does not end', '<safe a="1/>'],
    ['"--" in a comment', '<safe><!-- a -- b --></safe>'],
    ['a comment that does not end', '<safe><!-- '],
    ['"]]>" in a text', '<safe>]]></safe>'],
    ['a control character', '<safe>\u0001</safe>'],
    ['a declaration in an element', '<safe><!ELEMENT a ANY></safe>'],
    ['a document type twice', '<!DOCTYPE safe><!DOCTYPE safe><safe/>'],
    ['a late XML declaration', '<safe><?xml version="1.0"?></safe>'],
    ['another version', '<?xml version="2.0"?><safe/>'],
    ['a name that begins with a digit', '<1/>'],
  ])('refuses %s', (_, text) => expect(refused(text)).toBe('BAD_XML'));

  it('refuses what is nested too deeply, or has too many elements or attributes', () => {
    expect(refused('<a>'.repeat(10_000))).toBe('TOO_LARGE');
    expect(refused(`<a>${'<b/>'.repeat(20_000)}</a>`)).toBe('TOO_LARGE');
    const attributes = Array.from({ length: 100 }, (_, index) => `a${String(index)}=""`).join(' ');
    expect(refused(`<a ${attributes}/>`)).toBe('TOO_LARGE');
  });

  it('tells the line of a mistake', () => {
    expect(refusal(() => parseXml('<safe>\n<a>\n</b>\n</safe>')).message).toContain('line 3');
  });

  it('ends with a tree or a reason, whatever the text is', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      'a',
      ' b="',
      '"',
      "'",
      '=',
      '&lt;',
      '&',
      ';',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?',
      '?>',
      '\n',
      '<!DOCTYPE a>',
      '<a>',
      '</a>',
      '𝒳',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          parseXml(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(ImportError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['names without an end', '<a '.repeat(300_000)],
    ['comments', `<a>${'<!--x-->'.repeat(100_000)}`],
    ['ampersands', `<a>${'&'.repeat(500_000)}</a>`],
    ['blanks', `<a${' '.repeat(900_000)}`],
    ['the beginning of a document type', `<!DOCTYPE a${' '.repeat(900_000)}`],
  ])(
    'comes to an end with a megabyte of %s',
    (_, text) => {
      expect(refusal(() => parseXml(text)).code).toMatch(/BAD_XML|XML_DTD/);
    },
    2000,
  );
});

describe('encodings', () => {
  const decode = (bytes: Uint8Array): string => decodeXml(bytes);
  const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

  it('reads UTF-8 with and without a mark, ASCII, and ISO-8859-1 that is declared', () => {
    expect(decode(Buffer.from('\uFEFF<safe/>'))).toBe('<safe/>');
    expect(decode(Buffer.from('<safe é=""/>'))).toBe('<safe é=""/>');
    expect(decode(Buffer.from('<?xml version="1.0" encoding="US-ASCII"?><safe/>'))).toContain('<safe/>');
    expect(decode(latin('<?xml version="1.0" encoding="ISO-8859-1"?><safe a="é"/>'))).toContain('é');
  });

  it.each([
    ['UTF-16', Buffer.from('\uFEFF<safe/>', 'utf16le')],
    ['UTF-16 without a mark', Buffer.from('<safe/>', 'utf16le')],
    ['bytes that are no UTF-8', latin('<safe a="é"/>')],
    ['an encoding that is not read', Buffer.from('<?xml version="1.0" encoding="EBCDIC-CP-FR"?><safe/>')],
    ['UTF-7', Buffer.from('<?xml version="1.0" encoding="UTF-7"?><safe/>')],
  ])('refuses %s', (_, bytes) => expect(refusal(() => decode(bytes)).code).toBe('BAD_ENCODING'));
});

describe('macros', () => {
  const tree = (text: string) => readTree(parseXml(text));

  it('stand for their values, those before them too, and others stay as they are', () => {
    const root = tree(
      '<safe><macro name="A" value="/srv"/><macro name="B" value="%A%/vm"/><x dir="%B%/%C%" y="100%"/></safe>',
    );
    const [, , element] = root.children;
    expect(element?.attributes).toMatchObject([
      { value: '/srv/vm/%C%', written: '%B%/%C%', undefinedMacros: ['C'] },
      { value: '100%', undefinedMacros: [] },
    ]);
    expect(valueOf(element ?? root, 'dir')).toBe('/srv/vm/%C%');
  });

  it('do not grow without end', () => {
    const macros = Array.from(
      { length: 60 },
      (_, index) => `<macro name="M${String(index + 1)}" value="${`%M${String(index)}%`.repeat(10)}"/>`,
    );
    const text = `<safe><macro name="M0" value="0123456789"/>${macros.join('')}<x a="%M60%"/></safe>`;
    expect(refusal(() => tree(text)).code).toBe('TOO_LARGE');
    expect(tree('<safe><macro name="A" value="%A%"/><x a="%A%"/></safe>').children[1]?.attributes[0]?.value).toBe(
      '%A%',
    );
  });

  it('do not stand for far more than the file has', () => {
    const long = 'x'.repeat(limits.value);
    const text = `<safe><macro name="A" value="${long}"/>${'<x a="%A%"/>'.repeat(5000)}</safe>`;
    expect(refusal(() => tree(text)).code).toBe('TOO_LARGE');
    expect(tree(text.replaceAll('%A%', '%B%')).children).toHaveLength(5001);
  });

  it('are those of a configuration only', () => expect(refusal(() => tree('<html/>')).code).toBe('NOT_A_MODULE'));
});
