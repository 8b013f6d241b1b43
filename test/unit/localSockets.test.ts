import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';

let directory: string;
let address: string;
const opened: number[] = [];
const keep = (fd: number): number => {
  opened.push(fd);
  return fd;
};

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-local-'));
  address = path.join(directory, 'socket');
});

afterEach(() => {
  for (const fd of opened.splice(0)) libc.close(fd);
  fs.rmSync(directory, { recursive: true, force: true });
});

function connection(): { client: number; server: number } {
  const listening = keep(libc.listenLocal(address));
  const client = keep(libc.connectLocal(address));
  return { client, server: keep(libc.acceptLocal(listening)) };
}

function received(fd: number): libc.LocalMessage {
  const message = libc.receiveLocal(fd);
  if (message === null || message === 'ended') throw new Error(`no message: ${String(message)}`);
  for (const each of message.fds) keep(each);
  return message;
}

describe('a local connection', () => {
  it('keeps messages apart and in order', () => {
    const { client, server } = connection();
    for (const text of ['one', 'two']) libc.sendLocal(client, Buffer.from(text));
    expect(received(server).bytes.toString()).toBe('one');
    expect(received(server).bytes.toString()).toBe('two');
  });

  it('carries the largest message', () => {
    const { client, server } = connection();
    const large = Buffer.alloc(libc.LARGEST_LOCAL_MESSAGE, 7);
    libc.sendLocal(client, large);
    expect(received(server).bytes.equals(large)).toBe(true);
    expect(() => libc.sendLocal(client, Buffer.alloc(large.length + 1))).toThrow(RangeError);
    expect(() => libc.sendLocal(client, Buffer.alloc(0))).toThrow(RangeError);
  });

  it('passes an open file on, which lives when its name and the sender’s descriptor are gone', () => {
    const { client, server } = connection();
    const file = path.join(directory, 'file');
    fs.writeFileSync(file, 'still here');
    const fd = libc.openat(libc.AT_FDCWD, file, libc.O_RDONLY);
    libc.sendLocal(client, Buffer.from('file'), [fd]);
    libc.close(fd);
    fs.rmSync(file);
    const [passed = -1] = received(server).fds;
    const content = Buffer.alloc(10);
    libc.pread(passed, content, 0);
    expect(content.toString()).toBe('still here');
  });

  it('passes on the most descriptors at once, none of which a started program gets', () => {
    const { client, server } = connection();
    const fd = keep(libc.openat(libc.AT_FDCWD, directory, libc.O_PATH | libc.O_DIRECTORY));
    libc.sendLocal(client, Buffer.from('x'), Array<number>(libc.MOST_DESCRIPTORS).fill(fd));
    const { fds } = received(server);
    expect(new Set(fds).size).toBe(libc.MOST_DESCRIPTORS);
    const closeOnExec = (each: number) =>
      parseInt(/flags:\s+(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${each}`, 'utf8'))?.[1] ?? '0', 8);
    for (const each of fds) expect(closeOnExec(each) & libc.O_CLOEXEC).not.toBe(0);
    expect(() => libc.sendLocal(client, Buffer.from('x'), Array<number>(254).fill(fd))).toThrow(RangeError);
  });

  it('tells when the other end is gone, after what it had sent', () => {
    const listening = keep(libc.listenLocal(address));
    const client = libc.connectLocal(address);
    const server = keep(libc.acceptLocal(listening));
    libc.sendLocal(client, Buffer.from('farewell'));
    libc.close(client);
    expect(received(server).bytes.toString()).toBe('farewell');
    expect(libc.receiveLocal(server)).toBe('ended');
    expect(() => libc.sendLocal(server, Buffer.from('too late'))).toThrow(/EPIPE/);
  });

  it('does not wait when it is non-blocking', () => {
    const { client, server } = connection();
    libc.setNonBlocking(server, true);
    libc.setNonBlocking(client, true);
    expect(libc.receiveLocal(server)).toBeNull();
    let sent = 0;
    while (libc.sendLocal(client, Buffer.alloc(1024, sent))) sent++;
    expect(sent).toBeGreaterThan(0);
    for (let count = 0; count < sent; count++) expect(received(server).bytes[0]).toBe(count & 255);
    expect(libc.receiveLocal(server)).toBeNull();
  });

  it('knows the process at the other end', () => {
    const { server } = connection();
    expect(libc.peerCredentials(server)).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
  });

  it('refuses a path that is too long, and finds nobody at one where nobody listens', () => {
    expect(() => libc.listenLocal(`/tmp/${'x'.repeat(108)}`)).toThrow(/ENAMETOOLONG/);
    expect(() => libc.connectLocal(address)).toThrow(/ENOENT/);
    libc.close(libc.listenLocal(address));
    expect(() => libc.connectLocal(address)).toThrow(/ECONNREFUSED/);
  });

  it('ends when the other process is killed', async () => {
    const listening = keep(libc.listenLocal(address));
    const script = `
      import koffi from 'koffi';
      const libc = koffi.load('libc.so.6');
      const bytes = Buffer.from('\\x01\\0' + process.argv[1] + '\\0', 'latin1');
      const fd = libc.func('int socket(int, int, int)')(1, 5, 0);
      process.exitCode = libc.func('int connect(int, const void *, uint32_t)')(fd, bytes, bytes.length);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, address], { stdio: 'inherit' });
    const server = keep(libc.acceptLocal(listening));
    expect(libc.peerCredentials(server).pid).toBe(child.pid);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    expect(libc.receiveLocal(server)).toBe('ended');
  });
});
