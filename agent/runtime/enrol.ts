import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Enrol } from '../api/plainHttp.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Files } from '../config/versions.ts';
import { kindOfFile } from '../../schemas/document.ts';
import { signRequest } from '../security/certificates.ts';
import { ClientTokens } from '../security/clientTokens.ts';
import { loadAuthority } from '../security/identity.ts';
import { JoinTokens } from '../security/joinTokens.ts';
import { SecurityError } from '../security/securityError.ts';

/** What certifies hosts that join; null on hosts that do not hold the authority's key. */
export function makeEnrol(configuration: Configuration): Enrol | null {
  const authority = loadAuthority(configuration.directory);
  if (authority === null) return null;
  const { agent, directory } = configuration;
  const joinTokens = new JoinTokens(agent.stateDirectory);
  const enrol: Enrol = async ({ host, secret, request }) => {
    const { cluster, version, files: held } = configuration;
    const subject = cluster.hosts.find((each) => each.name === host);
    if (!subject) {
      const names = cluster.hosts.map((each) => each.name).join(', ');
      throw new SecurityError('TOKEN_OTHER_HOST', `${host} is no host of the cluster file: its hosts are ${names}.`);
    }
    // Signed first, as a broken request must not cost the token; handed out only after the token is used up, durably.
    const addresses = subject.addresses.map(({ address }) => address);
    const certificate = await signRequest(authority, request, { host, addresses });
    // As long as nothing was applied, module files are put into the folder by hand.
    const files = version > 0 ? namedFiles(held) : await readFiles(directory);
    joinTokens.consume(secret, host);
    const tokens = new ClientTokens(agent.stateDirectory).list();
    return { certificate, authority: authority.certificate, ...files, tokens: tokens.map((token) => ({ ...token })) };
  };
  let last: Promise<unknown> = Promise.resolve();
  return async (params) => {
    // Anybody may ask: nothing is read and signed for one who has no token, and one thing at a time for those who have.
    joinTokens.check(params.secret, params.host);
    const enrolled = last.then(() => enrol(params));
    last = enrolled.catch(() => undefined);
    return enrolled;
  };
}

function namedFiles(files: Files): { cluster: NamedFile; modules: NamedFile[] } {
  const named = Object.entries(files).map(([name, text]) => ({ name, text }));
  const cluster = named.find(({ name }) => kindOfFile(name) === 'cluster');
  if (!cluster) throw new Error('there is no cluster file');
  return { cluster, modules: named.filter((each) => each !== cluster) };
}

interface NamedFile {
  readonly name: string;
  readonly text: string;
}

/** The cluster file and the module files as they are now, comments and all. */
async function readFiles(directory: string): Promise<{ cluster: NamedFile; modules: NamedFile[] }> {
  const [cluster] = await readAll(directory, 'cluster');
  if (!cluster) throw new Error(`there is no cluster file in ${directory}`);
  return { cluster, modules: await readAll(join(directory, 'modules'), 'module') };
}

async function readAll(directory: string, kind: 'cluster' | 'module'): Promise<NamedFile[]> {
  const names = await readdir(directory).catch(() => []);
  const wanted = names.filter((name) => kindOfFile(name) === kind);
  return Promise.all(wanted.map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })));
}
