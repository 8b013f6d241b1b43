import { ImportError } from '../importError.ts';

/**
 * The text of an XML file: UTF-8, or what is the same for ASCII. ISO-8859-1 is read when the file declares it.
 * @throws ImportError "BAD_ENCODING"
 */
export function decodeXml(bytes: Uint8Array): string {
  const [first = 0, second = 0] = bytes;
  const isUtf16 =
    (first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe) || first === 0 || second === 0;
  if (isUtf16 && bytes.length > 0) throw refuse('is in UTF-16 or UTF-32, or no text at all');
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const declared = /^(?:\u00EF\u00BB\u00BF)?<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]*)["']/
    .exec(head)?.[1]
    ?.toLowerCase();
  switch (declared) {
    case undefined:
    case 'utf-8':
    case 'utf8':
    case 'us-ascii':
    case 'ascii':
      try {
        // The byte order mark is taken away.
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      } catch {
        throw refuse('is no UTF-8');
      }
    case 'iso-8859-1':
    case 'latin1':
      return Buffer.from(bytes).toString('latin1');
    default:
      throw refuse('declares an encoding that is not read');
  }
}

function refuse(why: string): ImportError {
  return new ImportError('BAD_ENCODING', `The userconfig.xml ${why}: save it as UTF-8.`);
}
