import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startVscode } from '../../ui/vscodeHost.ts';
import { clientTokenFile, type LabCluster } from '../harness/labCluster.ts';
import { LabError } from '../harness/labError.ts';
import { repositoryRoot } from '../harness/paths.ts';
import { run } from '../harness/run.ts';

export interface OpenEditor {
  /** For a browser on this machine. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts VS Code at the operator's desk with the extension, connected to the cluster. */
export async function openEditor(cluster: LabCluster, log: (line: string) => void): Promise<OpenEditor> {
  log('packaging the extension');
  await run([process.execPath, path.join(repositoryRoot, 'package.mjs'), 'vsix'], {
    cwd: repositoryRoot,
    timeoutMs: 300_000,
  });
  const { version } = JSON.parse(await readFile(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const vsix = path.join(repositoryRoot, `dist/understudy-${version}.vsix`);
  if (!existsSync(vsix)) throw new LabError(`The package ${vsix} was not made.`);
  const vscode = await startVscode({
    workspace: cluster.workspace,
    extensionVsix: vsix,
    env: { UNDERSTUDY_CLUSTER_FILE: await writeEditorCluster(cluster) },
    commandPrefix: cluster.lab.operatorPrefix,
    listen: { socket: path.join(cluster.lab.directory, 'vscode.sock') },
    log,
  });
  cluster.lab.adopt(vscode.pid);
  return { url: vscode.url, close: () => vscode.stop() };
}

/** The file that tells the extension of the cluster: addresses, the authority's certificate and a token. */
export async function writeEditorCluster(cluster: LabCluster): Promise<string> {
  const alpha = cluster.host('alpha');
  const file = path.join(cluster.lab.directory, 'editor-cluster.json');
  const addresses = cluster.lab.hosts.map((host) => `${host.address('lan')}:4810`);
  const caFile = alpha.outside('/etc/understudy/tls/ca.crt');
  await writeFile(file, JSON.stringify({ name: 'site', addresses, caFile, tokenFile: clientTokenFile(cluster.lab) }), {
    mode: 0o600,
  });
  return file;
}
