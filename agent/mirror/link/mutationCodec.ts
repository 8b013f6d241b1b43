import type { FileRef, Mutation, TimeNs } from '../mutation.ts';
import { type ByteReader, type ByteWriter, MalformedMessage } from './bytes.ts';

/** Numbers of the mutation kinds on the wire: append only. */
const KINDS = [
  'write',
  'truncate',
  'fallocate',
  'create',
  'mkdir',
  'mknod',
  'symlink',
  'link',
  'unlink',
  'rmdir',
  'rename',
  'chmod',
  'chown',
  'utimens',
  'setxattr',
  'removexattr',
] as const satisfies readonly Mutation['kind'][];
const NUMBER_OF = new Map<string, number>(KINDS.map((kind, index) => [kind, index]));

function putFile(out: ByteWriter, file: FileRef): void {
  out.size(file.ino);
  if (file.path === null) out.u8(0);
  else out.u8(1).text(file.path);
}

function getFile(input: ByteReader): FileRef {
  const ino = input.size();
  return { ino, path: input.u8() === 0 ? null : input.text() };
}

function putTime(out: ByteWriter, time: TimeNs | null): void {
  if (time === null) out.u8(0);
  else out.u8(1).time(time);
}

function getTime(input: ByteReader): TimeNs | null {
  return input.u8() === 0 ? null : input.time();
}

const putId = (out: ByteWriter, id: number | null) => (id === null ? out.u8(0) : out.u8(1).u32(id));
const getId = (input: ByteReader) => (input.u8() === 0 ? null : input.u32());

/** Appends a mutation; of a write everything but its data, which the caller sends behind it. */
export function encodeMutation(out: ByteWriter, mutation: Mutation): void {
  out.u8(NUMBER_OF.get(mutation.kind) ?? 255);
  switch (mutation.kind) {
    case 'write':
      putFile(out, mutation.file);
      out.size(mutation.offset).u32(mutation.data.length);
      break;
    case 'truncate':
      putFile(out, mutation.file);
      out.size(mutation.size);
      break;
    case 'fallocate':
      putFile(out, mutation.file);
      out.u32(mutation.mode).size(mutation.offset).size(mutation.length);
      break;
    case 'create':
    case 'mkdir':
      out.size(mutation.ino).text(mutation.path).u32(mutation.mode).u32(mutation.uid).u32(mutation.gid);
      break;
    case 'mknod':
      out
        .size(mutation.ino)
        .text(mutation.path)
        .u32(mutation.mode)
        .size(mutation.rdev)
        .u32(mutation.uid)
        .u32(mutation.gid);
      break;
    case 'symlink':
      out.size(mutation.ino).text(mutation.path).text(mutation.target).u32(mutation.uid).u32(mutation.gid);
      break;
    case 'link':
      putFile(out, mutation.file);
      out.text(mutation.path);
      break;
    case 'unlink':
    case 'rmdir':
      out.size(mutation.ino).text(mutation.path);
      break;
    case 'rename':
      out.size(mutation.ino).text(mutation.from).text(mutation.to).u32(mutation.flags);
      break;
    case 'chmod':
      putFile(out, mutation.file);
      out.u32(mutation.mode);
      break;
    case 'chown':
      putFile(out, mutation.file);
      putId(out, mutation.uid);
      putId(out, mutation.gid);
      break;
    case 'utimens':
      putFile(out, mutation.file);
      putTime(out, mutation.atime);
      putTime(out, mutation.mtime);
      break;
    case 'setxattr':
      putFile(out, mutation.file);
      out.text(mutation.name).bytes(mutation.value).u32(mutation.flags);
      break;
    case 'removexattr':
      putFile(out, mutation.file);
      out.text(mutation.name);
      break;
  }
}

/** Reads one mutation. @throws MalformedMessage */
export function decodeMutation(input: ByteReader): Mutation {
  const kind = KINDS[input.u8()];
  switch (kind) {
    case 'write': {
      const file = getFile(input);
      const offset = input.size();
      return { kind, file, offset, data: input.bytes() };
    }
    case 'truncate':
      return { kind, file: getFile(input), size: input.size() };
    case 'fallocate':
      return { kind, file: getFile(input), mode: input.u32(), offset: input.size(), length: input.size() };
    case 'create':
    case 'mkdir':
      return { kind, ino: input.size(), path: input.text(), mode: input.u32(), uid: input.u32(), gid: input.u32() };
    case 'mknod': {
      const [ino, path, mode, rdev] = [input.size(), input.text(), input.u32(), input.size()];
      return { kind, ino, path, mode, rdev, uid: input.u32(), gid: input.u32() };
    }
    case 'symlink':
      return { kind, ino: input.size(), path: input.text(), target: input.text(), uid: input.u32(), gid: input.u32() };
    case 'link':
      return { kind, file: getFile(input), path: input.text() };
    case 'unlink':
    case 'rmdir':
      return { kind, ino: input.size(), path: input.text() };
    case 'rename':
      return { kind, ino: input.size(), from: input.text(), to: input.text(), flags: input.u32() };
    case 'chmod':
      return { kind, file: getFile(input), mode: input.u32() };
    case 'chown':
      return { kind, file: getFile(input), uid: getId(input), gid: getId(input) };
    case 'utimens':
      return { kind, file: getFile(input), atime: getTime(input), mtime: getTime(input) };
    case 'setxattr':
      return { kind, file: getFile(input), name: input.text(), value: input.bytes(), flags: input.u32() };
    case 'removexattr':
      return { kind, file: getFile(input), name: input.text() };
    default:
      throw new MalformedMessage('a change of an unknown kind');
  }
}

/** The paths that a mutation touches: where to look again if it could not be applied. */
export function pathsOf(mutation: Mutation): string[] {
  switch (mutation.kind) {
    case 'create':
    case 'mkdir':
    case 'mknod':
    case 'symlink':
    case 'unlink':
    case 'rmdir':
      return [mutation.path];
    case 'rename':
      return [mutation.from, mutation.to];
    case 'link':
      return mutation.file.path === null ? [mutation.path] : [mutation.file.path, mutation.path];
    default:
      return mutation.file.path === null ? [] : [mutation.file.path];
  }
}
