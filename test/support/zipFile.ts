import { crc32, deflateRawSync } from 'node:zlib';

/** One file of a zip that is made; what is not stated is as an honest archive has it. */
export interface ZipEntry {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  readonly stored?: boolean;
  /** Unix type and permissions. */
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Size and checksum that are told instead of the true ones. */
  readonly declaredSize?: number;
  readonly declaredCrc?: number;
  /** Packed bytes instead of those of the content. */
  readonly packed?: Uint8Array;
  /** Name in the header beside the content. */
  readonly localName?: string;
  /** Size that this header tells. */
  readonly localSize?: number;
  readonly localFlags?: number;
  /** Place of an earlier entry, whose header and content this one shares. */
  readonly at?: number;
}

/** Makes a zip, byte by byte, so that it may also lie. */
export function zipFile(
  entries: readonly ZipEntry[],
  options: {
    readonly comment?: string | Uint8Array;
    readonly count?: number;
    /** Where the archive begins in a file around it: what it says of places is from there on. */
    readonly base?: number;
    /** Stands before the end record. */
    readonly beforeEnd?: Uint8Array;
  } = {},
): Buffer {
  const parts: Buffer[] = [];
  const offsets: number[] = [];
  const directory: Buffer[] = [];
  let offset = options.base ?? 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? '');
    const method = entry.method ?? (entry.stored === true ? 0 : 8);
    const packed = Buffer.from(entry.packed ?? (entry.stored === true ? content : deflateRawSync(content)));
    const size = entry.declaredSize ?? content.length;
    const crc = entry.declaredCrc ?? crc32(content);
    const flags = entry.flags ?? (typeof entry.name === 'string' ? 0x800 : 0);
    const at = entry.at === undefined ? offset : (offsets[entry.at] ?? 0);
    offsets.push(at);
    if (entry.at === undefined) {
      const localName = Buffer.from(entry.localName ?? name);
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50, 0);
      local.writeUInt16LE(20, 4);
      local.writeUInt16LE(entry.localFlags ?? flags, 6);
      local.writeUInt16LE(method, 8);
      local.writeUInt32LE(crc >>> 0, 14);
      local.writeUInt32LE(packed.length, 18);
      local.writeUInt32LE((entry.localSize ?? size) >>> 0, 22);
      local.writeUInt16LE(localName.length, 26);
      parts.push(local, localName, packed);
      offset += local.length + localName.length + packed.length;
    }
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE((3 << 8) | 20, 4);
    central.writeUInt16LE(20, 6);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(crc >>> 0, 16);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(size >>> 0, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(at, 42);
    directory.push(central, name);
  }
  directory.push(Buffer.from(options.beforeEnd ?? ''));
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const comment = Buffer.from(options.comment ?? '');
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.count ?? entries.length, 8);
  end.writeUInt16LE(options.count ?? entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, ...directory, end, comment]);
}

/** The files in a zip, in the order of its directory, with their sizes unpacked. */
export function filesInZip(zip: Buffer): readonly { readonly name: string; readonly size: number }[] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) throw new Error('no zip');
  const files: { name: string; size: number }[] = [];
  let offset = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const at = offset;
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    const begin = at + 46;
    offset = begin + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0);
    files.push({ name: zip.toString('utf8', begin, begin + (nameLength ?? 0)), size: zip.readUInt32LE(at + 24) });
  }
  return files;
}
