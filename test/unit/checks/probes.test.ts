import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { probeOf } from '../../../agent/checks/probeOf.ts';
import { resolveModule } from '../../../schemas/defaults.ts';
import type { ModuleFile } from '../../../schemas/generated/module.ts';

let folder: string;
let ends: (() => unknown)[];
const never = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'us-checks-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** What a check, as it is written in a module file, finds. */
function look(check: object, signal: AbortSignal = never): Promise<string | null> {
  const file = { name: 'web', hosts: ['alpha', 'beta'], mirror: { directories: [folder] }, checks: [check] };
  const module = resolveModule({
    ...file,
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
  } as unknown as ModuleFile);
  const [resolved] = module.checks;
  if (!resolved) throw new Error('no check');
  return probeOf(resolved, {
    module: 'web',
    host: 'alpha',
    directory: folder,
    guestAgent: path.join(folder, 'qga.sock'),
  })(signal);
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

function script(name: string, body: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe('tcp', () => {
  it('finds whether a connection is accepted', async () => {
    const server = createServer((socket) => socket.resume());
    const port = await listening(server);
    expect(await look({ tcp: { port } })).toBeNull();
    expect(await look({ tcp: { host: 'localhost', port } })).toBeNull();
    await ends.pop()?.();
    expect(await look({ tcp: { port } })).toBe('connection refused');
    expect(await look({ tcp: { port, host: 'no-such-name.invalid' } })).toMatch(/^the name /);
  });
});

describe('http', () => {
  const serve = async (listener: RequestListener): Promise<string> =>
    `http://127.0.0.1:${await listening(createHttp(listener))}/`;

  it('finds whether the status and the text are as expected', async () => {
    const url = await serve(({ url: asked }, response) => {
      response.statusCode = Number(asked?.slice(1, 4));
      response.end(`${'x'.repeat(100_000)} all is well`);
    });
    expect(await look({ http: { url: `${url}200` } })).toBeNull();
    expect(await look({ http: { url: `${url}302` } })).toBeNull();
    expect(await look({ http: { url: `${url}404` } })).toBe('status 404');
    expect(await look({ http: { url: `${url}404`, status: '404' } })).toBeNull();
    expect(await look({ http: { url: `${url}500`, status: '400-499' } })).toBe('status 500');
    expect(await look({ http: { url: `${url}200`, contains: 'all is well' } })).toBeNull();
    expect(await look({ http: { url: `${url}200`, contains: 'all is lost' } })).toBe('the answer has no "all is lost"');
  });

  it('searches no more than a MiB of an answer that does not end', async () => {
    const url = await serve((_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    expect(await look({ http: { url, contains: 'y' } })).toBe('the answer has no "y"');
  });

  it('says why there is no answer', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await look({ http: { url } })).toBe('connection reset');
    await ends.pop()?.();
    expect(await look({ http: { url } })).toBe('connection refused');
  });

  it('looks at the certificate, unless it is not to', async () => {
    const [key, cert] = [path.join(folder, 'key'), path.join(folder, 'cert')];
    const names = ['-subj', '/CN=web', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    await promisify(execFile)('openssl', [...made, ...names, '-keyout', key, '-out', cert]);
    const files = { key: readFileSync(key), cert: readFileSync(cert) };
    const url = `https://127.0.0.1:${await listening(createHttps(files, (_request, response) => response.end('well')))}/`;
    expect(await look({ http: { url } })).toMatch(/self-signed certificate/);
    expect(await look({ http: { url, verify: false } })).toBeNull();
    expect(await look({ http: { url, ca: cert } })).toBeNull();
    await expect(look({ http: { url, ca: `${cert}.away` } })).rejects.toThrow(/ENOENT.*cert\.away/);
  });

  it('ends when its time is over', async () => {
    const url = await serve(() => undefined);
    expect(await look({ http: { url } }, AbortSignal.timeout(50))).toMatch(/aborted/);
  });
});

describe('ping', () => {
  it('finds whether somebody answers', async () => {
    expect(await look({ ping: { host: '127.0.0.1' } })).toBeNull();
    // Of a range that nobody may use.
    expect(await look({ ping: { host: '240.0.0.1' }, timeout: '100ms' })).toBe('no answer');
    expect(await look({ ping: { host: 'no-such-name.invalid' } })).toMatch(/name/i);
  });
});

describe('command', () => {
  it('finds whether a program ends with 0, and tells the end of what it wrote', async () => {
    script('well', '[ "$UNDERSTUDY_MODULE $UNDERSTUDY_HOST $UNDERSTUDY_CHECK $1" = "web alpha mine it is" ]');
    expect(await look({ command: ['well', 'it is'], name: 'mine' })).toBeNull();
    script('ill', 'seq 1 100000; echo "the queue\n is full" >&2; exit 3');
    expect(await look({ command: ['ill'] })).toBe('exit code 3: the queue is full');
    expect(await look({ command: [script('silent', 'exit 1')] })).toBe('exit code 1');
    script('long', 'seq 1 100000; exit 1');
    expect((await look({ command: ['long'] }))?.length).toBeLessThan(300);
    expect(await look({ command: [script('shot', 'kill -9 $$')] })).toBe('ended by a signal');
  });

  it('says what cannot be run', async () => {
    expect(await look({ command: ['missing'] })).toMatch(/^exit code 127: .*missing: not found$/);
    writeFileSync(path.join(folder, 'plain'), '');
    expect(await look({ command: ['plain'] })).toMatch(/^exit code 126: .*plain: Permission denied$/);
  });

  it('ends with everything that it has started when its time is over, and not before because of what it leaves behind', async () => {
    const pidFile = path.join(folder, 'pid');
    const slow = script('slow', `sleep 60 & echo $! > ${pidFile}; wait`);
    expect(await look({ command: [slow] }, AbortSignal.timeout(500))).toBe('ended by a signal');
    expect(await look({ process: { pidFile } })).toMatch(/does not run$/);
    const leaving = script('leaving', `sleep 60 & echo $! > ${pidFile}`);
    expect(await look({ command: [leaving] })).toBeNull();
    expect(await look({ process: { pidFile } })).toBeNull();
    process.kill(Number(readFileSync(pidFile, 'utf8')));
  });
});

describe('process', () => {
  it('finds a process by its name, also one that the kernel has cut', async () => {
    const name = 'us-check-with-a-long-name';
    const copy = path.join(folder, name);
    writeFileSync(copy, readFileSync('/bin/sleep'), { mode: 0o755 });
    expect(await look({ process: { name } })).toBe(`no process is called ${name}`);
    const child = spawn(copy, ['60']);
    ends.push(() => child.kill());
    await new Promise((resolve) => child.once('spawn', resolve));
    expect(await look({ process: { name } })).toBeNull();
    expect(await look({ process: { name: `${name}-not` } })).toMatch(/^no process/);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
    expect(await look({ process: { name } })).toMatch(/^no process/);
  });

  it('finds a process by a file with its id', async () => {
    const pidFile = path.join(folder, 'pid');
    expect(await look({ process: { pidFile } })).toBe(`${pidFile} does not exist`);
    writeFileSync(pidFile, 'soon\n');
    expect(await look({ process: { pidFile } })).toBe(`${pidFile} holds no process id`);
    writeFileSync(pidFile, ` ${process.pid}\n`);
    expect(await look({ process: { pidFile } })).toBeNull();
  });
});

describe('guestAgent', () => {
  it('says that there is no channel, or that nobody answers', async () => {
    expect(await look({ guestAgent: true })).toBe('QEMU has no channel to the guest agent');
    const silent = createServer((socket) => socket.resume());
    ends.push(() => new Promise((resolve) => silent.close(resolve)));
    await new Promise<void>((resolve) => silent.listen(path.join(folder, 'qga.sock'), resolve));
    expect(await look({ guestAgent: true }, AbortSignal.timeout(50))).toMatch(/aborted/);
  });
});
