/** One entry of an initramfs. Parents have to come before their children. */
export interface CpioEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Permission bits. */
  readonly mode: number;
  readonly data?: Uint8Array;
}

const typeBits = { file: 0o100000, directory: 0o040000 } as const;

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function record(name: string, mode: number, links: number, ino: number, data: Uint8Array): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [ino, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, nameBytes.length, 0];
  const header = Buffer.from('070701' + fields.map((value) => value.toString(16).padStart(8, '0')).join(''));
  const head = Buffer.concat([header, nameBytes]);
  return Buffer.concat([head, padding(head.length), data, padding(data.length)]);
}

/** An uncompressed archive in the "newc" format, the one an initramfs uses (kernel Documentation/driver-api/early-userspace/buffer-format.rst). */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map((entry, index) =>
    record(
      entry.path,
      typeBits[entry.kind] | entry.mode,
      entry.kind === 'directory' ? 2 : 1,
      index + 1,
      entry.data ?? Buffer.alloc(0),
    ),
  );
  parts.push(record('TRAILER!!!', 0, 1, 0, Buffer.alloc(0)));
  return Buffer.concat(parts);
}
