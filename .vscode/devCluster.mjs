// Sets up one of two agents for debugging on this machine: `node .vscode/devCluster.mjs alpha|beta`. Alpha listens on
// 127.0.0.1 and beta on 127.0.0.2, without a witness; their files are below .cache/dev/. Done once, it does nothing.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');
const dev = join(root, '.cache/dev');
const addresses = { alpha: '127.0.0.1', beta: '127.0.0.2' };
const host = process.argv[2];
if (!(host in addresses)) throw new Error('Say alpha or beta.');

const config = join(dev, host);
const folders = ['--state', `${config}-state`, '--run', `${config}-run`];
if (!existsSync(join(config, 'agent.jsonc'))) {
  await mkdir(dev, { recursive: true });
  await (host === 'alpha' ? makeCluster() : joinCluster());
  // By default an agent listens on 127.0.0.1 as well, and the two would be in each other's way.
  const agent = {
    host,
    stateDirectory: `${config}-state`,
    runDirectory: `${config}-run`,
    api: { listen: [addresses[host]] },
  };
  await writeFile(join(config, 'agent.jsonc'), JSON.stringify(agent, null, 2));
}

async function understudy(...args) {
  return run(process.execPath, [join(root, 'dist/agent/understudy.mjs'), ...args, '--config', config]);
}

async function makeCluster() {
  const cluster = {
    name: 'dev',
    networks: { lan: {} },
    hosts: { alpha: { lan: addresses.alpha }, beta: { lan: addresses.beta } },
    arbiter: 'none',
  };
  const file = join(dev, 'dev.cluster.jsonc');
  await writeFile(file, JSON.stringify(cluster, null, 2));
  const { stdout } = await understudy('init', '--host', 'alpha', '--cluster', file, '--json', ...folders);
  await writeFile(join(dev, 'join.json'), stdout, { mode: 0o600 });
  // Made before beta joins, so that it is good on both.
  await understudy('token', 'create', '--name', 'editor', '--role', 'admin', '--output', join(dev, 'editor.token'));
  const editor = {
    name: 'dev',
    addresses: Object.values(addresses),
    caFile: 'alpha/tls/ca.crt',
    tokenFile: 'editor.token',
  };
  await writeFile(join(dev, 'cluster.json'), JSON.stringify(editor, null, 2));
}

/** Alpha's agent has to run: it certifies. */
async function joinCluster() {
  for (let attempt = 0; ; attempt++) {
    try {
      const { join: lines } = JSON.parse(await readFile(join(dev, 'join.json'), 'utf8'));
      await understudy(
        'join',
        '--server',
        addresses.alpha,
        '--token',
        lines.find((line) => line.host === 'beta').token,
        ...folders,
      );
      return;
    } catch (error) {
      if (attempt === 60) throw new Error(`Beta cannot join: start the agent of alpha first. ${error.stderr ?? error}`);
      await wait(500);
    }
  }
}
