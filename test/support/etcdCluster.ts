import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { createAuthority, createHostCertificate } from '../../agent/security/certificates.ts';
import { freePort } from './ports.ts';

interface Member {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  process: ChildProcess | null;
}

/** Real members of etcd on the loopback interface, in a folder of their own; with TLS, when it is asked for, they want certificates of clients. */
export class EtcdCluster {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'understudy-etcd-'));
  readonly members: Member[] = [];
  /** Where the authority's certificate is. */
  readonly caFile = path.join(this.directory, 'ca.crt');
  readonly clientCertificateFile = path.join(this.directory, 'client.crt');
  readonly clientKeyFile = path.join(this.directory, 'client.key');
  readonly #isSecure: boolean;

  private constructor(isSecure: boolean) {
    this.#isSecure = isSecure;
  }

  static async start(count: number, isSecure = false): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(isSecure);
    try {
      if (isSecure) await cluster.#makeCertificates();
      const scheme = isSecure ? 'https' : 'http';
      for (let index = 0; index < count; index++) {
        const [client, peer] = [await freePort(), await freePort()];
        cluster.members.push({
          name: `m${String(index)}`,
          url: `${scheme}://127.0.0.1:${String(client)}`,
          peerUrl: `http://127.0.0.1:${String(peer)}`,
          process: null,
        });
      }
      for (const member of cluster.members) cluster.run(member);
      await cluster.waitForQuorum();
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  get urls(): readonly string[] {
    return this.members.map(({ url }) => url);
  }

  /** Starts a member, from its data if it has run before. */
  run(member: Member): void {
    const folder = path.join(this.directory, member.name);
    const secure = this.#isSecure
      ? [`--cert-file=${folder}.crt`, `--key-file=${folder}.key`, `--trusted-ca-file=${this.caFile}`]
      : [];
    // It ends with the test, however that ends.
    member.process = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', 'etcd'],
        `--name=${member.name}`,
        `--data-dir=${folder}`,
        `--listen-peer-urls=${member.peerUrl}`,
        `--initial-advertise-peer-urls=${member.peerUrl}`,
        `--listen-client-urls=${member.url}`,
        `--advertise-client-urls=${member.url}`,
        `--initial-cluster=${this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')}`,
        ...secure,
      ],
      { stdio: 'ignore' },
    );
  }

  async kill(member: Member): Promise<void> {
    const { process: running } = member;
    member.process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  }

  /** The member that leads now, or after the election that goes on. */
  async leader(timeoutMs = 15_000): Promise<Member> {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await delay(50)) {
      for (const member of this.#running) if (await this.#leads(member)) return member;
    }
    throw new Error('No member says that it leads.');
  }

  async #leads(member: Member): Promise<boolean> {
    const status = (await this.post(member, '/v3/maintenance/status', {}).catch(() => null)) as {
      header: { member_id: string };
      leader?: string;
    } | null;
    return status !== null && status.leader === status.header.member_id;
  }

  get #running(): readonly Member[] {
    return this.members.filter((member) => member.process !== null);
  }

  async waitForQuorum(timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const answers = await Promise.allSettled(
        this.#running.map((member) => this.post(member, '/v3/kv/range', { key: 'YQ==' })),
      );
      const ended = this.#running.find(({ process: each }) => each?.exitCode !== null || each.signalCode !== null);
      if (ended) throw new Error(`The member ${ended.name} of etcd ended: is another program at ${ended.url}?`);
      if (answers.every(({ status }) => status === 'fulfilled')) return;
      if (Date.now() > end) throw new Error(`etcd has no quorum after ${String(timeoutMs)} ms.`);
      await delay(50);
    }
  }

  /** Asks a member as an operator would, past the code under test. */
  async post(member: Member, where: string, body: object, token?: string): Promise<unknown> {
    const { protocol } = new URL(member.url);
    const ask = protocol === 'https:' ? httpsRequest : httpRequest;
    const request = ask(`${member.url}${where}`, {
      method: 'POST',
      signal: AbortSignal.timeout(3000),
      headers: token === undefined ? {} : { authorization: token },
      ...(protocol === 'https:' ? this.#proof() : {}),
    });
    request.end(JSON.stringify(body));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const said = await text(response);
    if (response.statusCode !== 200) throw new Error(said);
    return JSON.parse(said);
  }

  async remove(): Promise<void> {
    await Promise.all(this.members.map((member) => this.kill(member)));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #proof(): object {
    return {
      ca: readFileSync(this.caFile),
      cert: readFileSync(this.clientCertificateFile),
      key: readFileSync(this.clientKeyFile),
    };
  }

  async #makeCertificates(): Promise<void> {
    const authority = await createAuthority('etcd of a test');
    writeFileSync(this.caFile, authority.certificate);
    for (const name of ['m0', 'm1', 'm2', 'client']) {
      const made = await createHostCertificate(authority, { host: name, addresses: [] });
      writeFileSync(path.join(this.directory, `${name}.crt`), made.certificate);
      writeFileSync(path.join(this.directory, `${name}.key`), made.key, { mode: 0o600 });
    }
  }
}
