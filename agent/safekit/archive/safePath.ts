import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import { printable } from '../printable.ts';

/** What Windows takes for a device, whatever ending is behind it. */
const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00B9\u00B2\u00B3]) *(\.|$)/i;

/**
 * A path of a file within a module, as it may be written below a folder: relative, with "/", and leading nowhere else.
 * @param path as an archive or a folder says it; archives made on Windows may have "\"
 * @throws ImportError "UNSAFE_NAME", "TOO_LARGE"
 */
export function safePath(path: string): string {
  const refuse = (why: string): never => {
    throw new ImportError('UNSAFE_NAME', `The file "${printable(path)}" ${why}. Nothing was imported.`);
  };
  // Some programs begin every name with the folder that they were in.
  const plain = path.replaceAll('\\', '/').replace(/^(\.\/)+(?=[^/])/, '');
  if (plain === '') refuse('has no name');
  if (/[\p{Cc}\u2028\u2029\uFFFD]/u.test(plain)) refuse('has control characters in its name');
  // They make a name look like another one.
  if (/[\p{Cf}\p{Cs}]/u.test(plain)) refuse('has characters in its name that are not seen');
  if (plain.startsWith('/') || /^[A-Za-z]:/.test(plain)) {
    refuse('has an absolute name, which would be written anywhere');
  }
  const segments = plain.split('/');
  if (segments.includes('..')) refuse('has ".." in its name, which leads out of its folder');
  if (segments.some((segment) => segment === '' || segment === '.')) refuse('has an empty name in its path');
  // Names that Windows takes for something else: the module may be looked at there.
  if (segments.some((segment) => /[<>:"|?*]|[. ]$/.test(segment) || device.test(segment))) {
    refuse('has a name that not every system can keep');
  }
  if (plain.length > limits.path || segments.some((segment) => Buffer.byteLength(segment) > limits.name)) {
    throw new ImportError('TOO_LARGE', `The name "${printable(path)}" is too long. Nothing was imported.`);
  }
  if (segments.length > limits.depth) {
    throw new ImportError(
      'TOO_LARGE',
      `The file "${printable(path)}" lies too many folders deep. Nothing was imported.`,
    );
  }
  return plain;
}

/** Sees to it that every file of a module has a place of its own, on systems that do not tell "A" from "a", too. */
export class Places {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** @throws ImportError "UNSAFE_NAME" when the place is taken. */
  take(path: string): void {
    // Some letters have two forms in one case and one in the other: "ſ" is "S" in capitals.
    const key = path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
    const segments = key.split('/');
    const above = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
    if (this.#files.has(key) || this.#folders.has(key) || above.some((folder) => this.#files.has(folder))) {
      throw new ImportError(
        'UNSAFE_NAME',
        `"${printable(path)}" is there twice: which one counts cannot be known. Nothing was imported.`,
      );
    }
    this.#files.add(key);
    for (const folder of above) this.#folders.add(folder);
  }
}
