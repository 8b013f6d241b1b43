import fs from 'node:fs';
import path from 'node:path';

/** How a file is made durable. */
export interface DurableOptions {
  /** Permission bits of the file; default 0o600, since what we keep is for root alone. */
  readonly mode?: number;
}

/** fsyncs a directory, so that the names in it survive a power loss. */
export function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Replaces a file as a whole: after a crash at any moment the old or the new content is there, complete. When this returns the new one is
 * on the disk. Throws Node's file errors; then the old content is there, or the new one if only its name could not be made durable: after a
 * power loss it may be either.
 */
export function writeDurably(file: string, data: string | Uint8Array, options: DurableOptions = {}): void {
  putInPlace(file, data, options);
  syncDirectory(path.dirname(file));
}

/** The first half of {@link writeDurably}: the new content is in place as a whole; after a power loss it may be the old one again. */
export function putInPlace(file: string, data: string | Uint8Array, options: DurableOptions = {}): void {
  const mode = options.mode ?? 0o600;
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.tmp`);
  const fd = fs.openSync(temporary, 'w', mode);
  try {
    try {
      // An old temporary file of the same name may have had another mode, and the umask is not ours to rely on.
      fs.fchmodSync(fd, mode);
      fs.writeFileSync(fd, data);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** The content of a file, null when it does not exist. Other errors are thrown. */
export function readIfExists(file: string): Buffer | null {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The object that a file holds as JSON; null: there is no such file. What cannot be read as one comes as an empty object, which says nothing. */
export function readObjectIfExists(file: string): Readonly<Record<string, unknown>> | null {
  const content = readIfExists(file);
  if (content === null) return null;
  try {
    const parsed: unknown = JSON.parse(content.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** Makes a directory and its parents, with the names durable. */
export function makeDirectoryDurably(directory: string, mode = 0o700): void {
  const first = fs.mkdirSync(directory, { recursive: true, mode });
  if (first === undefined) return;
  for (let each = path.resolve(directory); ; each = path.dirname(each)) {
    syncDirectory(path.dirname(each));
    if (each === path.resolve(first)) return;
  }
}

/** Removes a file durably; a missing one is fine. */
export function removeDurably(file: string): void {
  fs.rmSync(file, { force: true });
  syncDirectory(path.dirname(file));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
