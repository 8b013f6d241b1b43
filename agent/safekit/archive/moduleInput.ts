import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import { isZip, readZip } from './zip.ts';
import type { ModuleFile } from './moduleFile.ts';
import { Places, safePath } from './safePath.ts';

/** A module of SafeKit, wherever it was read from. */
export interface ModuleInput {
  /** Its configuration as it was read. */
  readonly configuration: Uint8Array;
  /** All of its files, the configuration too, in the order of their names. Empty: only the configuration is known. */
  readonly files: readonly ModuleFile[];
}

const configurationPath = 'conf/userconfig.xml';

/**
 * @param bytes a `.safe` file, or a `userconfig.xml`
 * @throws ImportError
 */
export function inputFromFile(bytes: Uint8Array): ModuleInput {
  if (isZip(bytes)) return inputFromFiles(readZip(bytes));
  if (bytes.length > limits.xml) {
    throw new ImportError(
      'NOT_A_MODULE',
      'This is neither a .safe file (a zip) nor a userconfig.xml: it is too large for one.',
    );
  }
  return { configuration: bytes, files: [] };
}

/**
 * @param found the files of a module folder, or of a folder around it; paths are checked here
 * @throws ImportError
 */
export function inputFromFiles(found: readonly ModuleFile[]): ModuleInput {
  if (found.length > limits.files) {
    throw new ImportError('TOO_LARGE', `There are more than ${String(limits.files)} files: this is no module folder.`);
  }
  const places = new Places();
  const files = found.map(({ path, bytes }) => ({ path: safePath(path), bytes }));
  for (const { path } of files) places.take(path);
  const root = rootOf(files.map(({ path }) => path));
  const own = files
    .filter(({ path }) => path.startsWith(root))
    .map(({ path, bytes }) => ({ path: path.slice(root.length), bytes }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const configuration = own.find(({ path }) => path === configurationPath || path === 'userconfig.xml');
  if (configuration === undefined) throw noConfiguration();
  if (configuration.bytes.length > limits.xml) {
    throw new ImportError('TOO_LARGE', `${configuration.path} is larger than ${String(limits.xml / 1024)} KiB.`);
  }
  return { configuration: configuration.bytes, files: own };
}

/** The folder of the module within what was found: "" or one that ends with a slash. */
function rootOf(paths: readonly string[]): string {
  if (paths.includes(configurationPath)) return '';
  const deeper = paths.filter((path) => path.endsWith(`/${configurationPath}`));
  if (deeper.length === 1) return deeper[0]?.slice(0, -configurationPath.length) ?? '';
  if (deeper.length > 1) {
    const several = deeper.join(', ');
    throw new ImportError('NOT_A_MODULE', `There are several modules: ${several}. Import them one by one.`);
  }
  if (paths.includes('userconfig.xml')) return '';
  throw noConfiguration();
}

function noConfiguration(): ImportError {
  return new ImportError('NOT_A_MODULE', `There is no ${configurationPath}: this is no module of SafeKit.`);
}
