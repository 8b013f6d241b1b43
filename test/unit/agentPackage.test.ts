import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createProtocolConnection,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import type { PublishDiagnosticsParams } from 'vscode-languageserver-protocol/node';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
let prefix: string;

// As a host would have it: nothing of this project's environment, and no registry to ask.
const environment = { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), npm_config_registry: 'http://127.0.0.1:9/' };

beforeAll(async () => {
  prefix = await mkdtemp(join(tmpdir(), 'understudy-prefix-'));
  const { stdout } = await run(process.execPath, [join(root, 'package.mjs'), 'agent'], { cwd: root });
  const tarball = stdout.trim().split('\n').at(-1) ?? '';
  await run('npm', ['install', '--global', '--offline', '--prefix', prefix, tarball], {
    cwd: prefix,
    env: environment,
  });
});
afterAll(() => rm(prefix, { recursive: true, force: true }));

describe('the agent package', () => {
  it('installs without a network and runs', async () => {
    const { stdout } = await run(join(prefix, 'bin/understudy'), ['--help'], { env: environment });
    for (const verb of ['agent', 'status', 'start', 'switchover', 'validate', 'init', 'join', 'witness']) {
      expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
    }
  });

  it('brings the units for systemd', async () => {
    for (const unit of ['understudy-agent.service', 'understudy-witness.service']) {
      const text = await readFile(join(prefix, 'lib/node_modules/understudy-agent', unit), 'utf8');
      const [, command = ''] = /^ExecStart=\/usr\/bin\/env understudy (.*?)(?: --|$)/m.exec(text) ?? [];
      const { stdout } = await run(join(prefix, 'bin/understudy'), [...command.split(' '), '--help'], {
        env: environment,
      });
      expect(stdout).toContain(`Usage: understudy ${command}`);
      // One that hangs is ended at once: systemd waits for signs of life, which only a program that it is told of gives.
      for (const line of ['Type=notify', 'WatchdogSec=15', 'WatchdogSignal=SIGKILL', 'Restart=always']) {
        expect(text.split('\n')).toContain(line);
      }
    }
  });

  it('brings the language server for other editors', async () => {
    const server = spawn(join(prefix, 'bin/understudy'), ['language-server', '--stdio'], {
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const client = createProtocolConnection(
      new StreamMessageReader(server.stdout),
      new StreamMessageWriter(server.stdin),
    );
    const ended = new Promise((done) => server.once('exit', done));
    client.listen();
    const { serverInfo } = await client.sendRequest(InitializeRequest.type, {
      processId: null,
      rootUri: null,
      capabilities: {},
    });
    expect(serverInfo?.name).toBe('understudy');
    await client.sendNotification(InitializedNotification.type, {});
    const told = new Promise<PublishDiagnosticsParams>((done) => {
      client.onNotification(PublishDiagnosticsNotification.type, done);
    });
    await client.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri: 'untitled:web.module.jsonc', languageId: 'understudy-module', version: 1, text: '{' },
    });
    const [diagnostic] = (await told).diagnostics;
    const [page = '', line] = diagnostic?.codeDescription?.href.split('#L') ?? [];
    const lines = (await readFile(fileURLToPath(page), 'utf8')).split('\n');
    expect(lines[Number(line) - 1]).toBe('## syntax');
    await client.sendRequest(ShutdownRequest.type);
    await client.sendNotification(ExitNotification.type);
    expect(await ended).toBe(0);
    client.dispose();
  });

  it('brings the native library it needs', async () => {
    const folder = join(prefix, 'lib/node_modules/understudy-agent');
    const program =
      "const k = require('koffi'); console.log(k.load('libc.so.6').func('int getpid()')() === process.pid);";
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: folder, env: environment });
    expect(stdout.trim()).toBe('true');
  });

  it('says what is missing on a host that is not set up', async () => {
    const missing = join(prefix, 'etc');
    const attempt = run(join(prefix, 'bin/understudy'), ['agent', '--config', missing], { env: environment });
    await expect(attempt).rejects.toMatchObject({ stderr: expect.stringContaining(missing) as string });
  });
});
