import fs from 'node:fs';
import path from 'node:path';
import { run } from '../lab/harness/run.ts';

/** Bytes as a program would see them in a file: neither zeros nor the same everywhere. */
export function content(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** A file with data at its start, in the middle and near its end, and holes between. */
export function writeSparse(file: string, size: number): void {
  const fd = fs.openSync(file, 'w');
  try {
    fs.ftruncateSync(fd, size);
    for (const at of [0, Math.floor(size / 8192) * 4096, size - 70_000]) {
      fs.writeSync(fd, content(10_000, at % 97), 0, 10_000, at);
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** A tree with one of everything that an archive can hold, and some hundred files. */
export async function buildTree(root: string): Promise<void> {
  const at = (...names: string[]) => path.join(root, ...names);
  for (let folder = 0; folder < 12; folder++) {
    fs.mkdirSync(at('src', `part${folder}`), { recursive: true });
    for (let each = 0; each < 25; each++) {
      fs.writeFileSync(
        at('src', `part${folder}`, `file${each}.txt`),
        content((each * 977) % 20_000, folder * 100 + each),
      );
    }
  }
  fs.mkdirSync(at('special'));
  const special = (name: string) => at('special', name);
  writeSparse(special('sparse'), 48 << 20);
  fs.writeFileSync(special('empty'), '');
  fs.writeFileSync(special('one'), content(5000, 1));
  fs.linkSync(special('one'), special('two'));
  fs.linkSync(special('one'), at('src', 'three'));
  fs.symlinkSync('one', special('link'));
  fs.symlinkSync(`/nowhere/${'x'.repeat(900)}`, special('dangling'));
  fs.writeFileSync(special('n'.repeat(255)), 'the longest name');
  fs.writeFileSync(
    Buffer.concat([Buffer.from(`${special('')}/`), Buffer.from([0x62, 0xff, 0xfe, 0x0a, 0x21])]),
    'no UTF-8',
  );
  const deep = Array.from({ length: 20 }, (_, level) => `${'d'.repeat(60)}${level}`);
  fs.mkdirSync(at('deep', ...deep), { recursive: true });
  fs.writeFileSync(at('deep', ...deep, 'bottom'), 'a long way down');
  await run(['mkfifo', special('fifo')]);
  await run(['mknod', special('null'), 'c', '1', '3']);
  await run(['mknod', special('disk'), 'b', '7', '200']);
  fs.writeFileSync(special('setid'), '#!/bin/sh\n');
  fs.chownSync(special('setid'), 1234, 4321);
  fs.chmodSync(special('setid'), 0o6751);
  fs.mkdirSync(special('sticky'));
  fs.chmodSync(special('sticky'), 0o3777);
  fs.writeFileSync(special('unreadable'), 'for nobody');
  fs.chmodSync(special('unreadable'), 0o000);
  await run(['setfattr', '-n', 'user.text', '-v', 'some value', special('one')]);
  await run(['setfattr', '-n', 'user.large', '-v', `0x${'5a'.repeat(3000)}`, special('empty')]);
  await run(['setfattr', '-n', 'trusted.note', '-v', 'of the administrator', special('sticky')]);
  // cap_net_raw, as ping has it.
  const capability = '0x0100000200200000000000000000000000000000';
  await run(['setfattr', '-n', 'security.capability', '-v', capability, special('setid')]);
  // user::rwx user:1234:r-x group::r-x mask::r-x other::--- as the default of a directory.
  const acl = '0x0200000001000700ffffffff02000500d204000004000500ffffffff10000500ffffffff20000000ffffffff';
  await run(['setfattr', '-n', 'system.posix_acl_default', '-v', acl, special('sticky')]);
  await run(['setfattr', '-n', 'system.posix_acl_access', '-v', acl, special('empty')]);
  await age(root, '2020-02-02 02:02:02.123456789');
}

/** Gives every file in a tree the same old times: rsync leaves times alone that are less than a second off. */
export async function age(root: string, time: string): Promise<void> {
  await run(['find', root, '-exec', 'touch', '-h', '-d', time, '{}', '+']);
}
