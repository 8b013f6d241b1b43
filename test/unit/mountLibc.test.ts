import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../../agent/platform/durable.ts';

let directory: string;
let dirFd: number;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'understudy-libc-'));
  dirFd = libc.openat(libc.AT_FDCWD, directory, libc.O_PATH | libc.O_DIRECTORY);
});

afterEach(() => {
  libc.close(dirFd);
  fs.rmSync(directory, { recursive: true, force: true });
});

const inDirectory = (name: string): string => path.join(directory, name);

describe('files by FFI', () => {
  it('writes, reads and finds holes', () => {
    const fd = libc.openat(dirFd, 'file', libc.O_RDWR | libc.O_CREAT, 0o644);
    libc.pwriteFully(fd, Buffer.from('tail'), 1 << 20);
    expect(libc.lseek(fd, 0, libc.SEEK_DATA)).toBe(1 << 20);
    expect(libc.lseek(fd, 0, libc.SEEK_HOLE)).toBe(0);
    const stat = libc.fstat(fd);
    expect(stat.size).toBe((1 << 20) + 4);
    expect(stat.mode & 0o777).toBe(0o644 & ~process.umask());
    const read = Buffer.alloc(10);
    expect(libc.preadFully(fd, read, 1 << 20)).toBe(4);
    expect(read.toString('latin1', 0, 4)).toBe('tail');
    libc.fsync(fd);
    libc.close(fd);
  });

  it('says which call failed and why', () => {
    expect(() => libc.openat(dirFd, 'missing', libc.O_RDONLY)).toThrow(
      expect.objectContaining({ errno: 2, code: 'ENOENT' }),
    );
    expect(libc.tryOpenat(dirFd, 'missing', libc.O_RDONLY)).toBe(-2);
    expect(() => libc.openat(dirFd, 'a\0b', libc.O_RDONLY)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('keeps names that are not UTF-8, times to the nanosecond and extended attributes', () => {
    const name = 'h\xff\xe4';
    libc.close(libc.openat(dirFd, name, libc.O_RDWR | libc.O_CREAT, 0o600));
    libc.utimensat(dirFd, name, -1_500_000_001n, 1_600_000_000_123_456_789n);
    const stat = libc.statat(dirFd, name);
    expect(libc.timeNs(stat.atimeSec, stat.atimeNsec)).toBe(-1_500_000_001n);
    expect(libc.timeNs(stat.mtimeSec, stat.mtimeNsec)).toBe(1_600_000_000_123_456_789n);
    expect(libc.listDirectory(dirFd, '').map((entry) => entry.name)).toEqual([name]);
    libc.setxattrat(dirFd, name, 'user.colour', Buffer.from('red'));
    expect(libc.listxattrat(dirFd, name)).toContain('user.colour');
    expect(libc.getxattrat(dirFd, name, 'user.colour')?.toString()).toBe('red');
    expect(libc.getxattrat(dirFd, name, 'user.none')).toBeNull();
    libc.removexattrat(dirFd, name, 'user.colour');
    expect(libc.getxattrat(dirFd, name, 'user.colour')).toBeNull();
  });

  it('links, renames, exchanges and removes', () => {
    fs.writeFileSync(inDirectory('a'), 'a');
    fs.writeFileSync(inDirectory('b'), 'b');
    libc.renameat2(dirFd, 'a', dirFd, 'b', libc.RENAME_EXCHANGE);
    expect(fs.readFileSync(inDirectory('a'), 'utf8')).toBe('b');
    expect(() => libc.renameat2(dirFd, 'a', dirFd, 'b', libc.RENAME_NOREPLACE)).toThrow(/EEXIST/);
    libc.linkat(dirFd, 'a', dirFd, 'c');
    expect(libc.statat(dirFd, 'c').nlink).toBe(2);
    libc.symlinkat('a', dirFd, 'link');
    expect(libc.readlinkat(dirFd, 'link')).toBe('a');
    libc.mkdirat(dirFd, 'dir', 0o755);
    expect(libc.tryUnlinkat(dirFd, 'dir')).toBe(-libc.errnos.EISDIR);
    libc.unlinkat(dirFd, 'dir', libc.AT_REMOVEDIR);
    libc.mknodat(dirFd, 'fifo', libc.S_IFIFO | 0o600, 0);
    expect(fs.statSync(inDirectory('fifo')).isFIFO()).toBe(true);
  });

  it('tells the file system', () => {
    const stat = libc.fstatfs(dirFd);
    const expected = fs.statfsSync(directory);
    expect(stat).toMatchObject({ type: expected.type, bsize: expected.bsize, blocks: expected.blocks, nameMax: 255 });
  });
});

describe('sockets by FFI', () => {
  it.each(['127.0.0.1', '::1'])('carries bytes over %s between threads and times out', async (address) => {
    const listener = libc.tcpSocket(address);
    libc.bindSocket(listener, { address, port: 0 });
    libc.listen(listener);
    const { port } = libc.socketAddress(listener);
    libc.setTcpOptions(listener, { receiveTimeoutMs: 5000 });
    // The other end is a plain Node client in a thread of its own, because this thread blocks.
    const worker = new Worker(
      `const net = require('node:net'); const s = net.connect(${port}, '${address}', () => s.write('ping'));
       s.on('data', (d) => { s.end(d); });`,
      { eval: true },
    );
    const { fd, peer } = libc.accept(listener);
    expect(peer.address).toBe(address);
    libc.setTcpOptions(fd, {
      noDelay: true,
      keepAliveMs: 1000,
      userTimeoutMs: 3000,
      receiveTimeoutMs: 5000,
      sendTimeoutMs: 5000,
    });
    const ping = Buffer.alloc(4);
    expect(libc.receiveFully(fd, ping)).toBe(true);
    expect(ping.toString()).toBe('ping');
    libc.setTcpOptions(fd, { receiveTimeoutMs: 30 });
    expect(libc.tryReceive(fd, ping)).toBe(-libc.errnos.EAGAIN);
    libc.setTcpOptions(fd, { receiveTimeoutMs: 5000 });
    libc.sendFully(fd, Buffer.from('pong'));
    expect(libc.receiveFully(fd, ping)).toBe(true);
    expect(ping.toString()).toBe('pong');
    expect(libc.receiveFully(fd, ping)).toBe(false);
    libc.shutdown(fd);
    libc.close(fd);
    libc.close(listener);
    await worker.terminate();
  });

  it('refuses what is no address', () => {
    const fd = libc.tcpSocket('127.0.0.1');
    expect(() => libc.connect(fd, { address: 'example', port: 1 })).toThrow(/is no IP address/);
    libc.close(fd);
  });
});

describe('events by FFI', () => {
  it('wakes poll through an eventfd', () => {
    const event = libc.eventfd();
    const poll = new libc.Poll([{ fd: event, events: libc.POLLIN }]);
    expect(poll.wait(0)).toBe(0);
    libc.signalEvent(event);
    expect(poll.wait(-1)).toBe(1);
    expect(poll.result(0)).toBe(libc.POLLIN);
    expect(libc.clearEvent(event)).toBe(true);
    expect(libc.clearEvent(event)).toBe(false);
    expect(poll.wait(0)).toBe(0);
    libc.close(event);
  });
});

describe('durable files', () => {
  it('replaces a file as a whole, with the mode asked for, and leaves nothing else', () => {
    const file = inDirectory('state/deep/record.json');
    makeDirectoryDurably(path.dirname(file));
    expect(readIfExists(file)).toBeNull();
    writeDurably(file, 'one');
    writeDurably(file, 'two', { mode: 0o640 });
    expect(readIfExists(file)?.toString()).toBe('two');
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
    expect(fs.readdirSync(path.dirname(file))).toEqual(['record.json']);
  });

  it('keeps the old content when the new one cannot be put in place', () => {
    fs.mkdirSync(inDirectory('taken'));
    fs.writeFileSync(inDirectory('taken/inside'), '');
    expect(() => writeDurably(inDirectory('taken'), 'x')).toThrow(/EISDIR|ENOTEMPTY/);
    expect(fs.readdirSync(directory)).toEqual(['taken']);
  });
});
