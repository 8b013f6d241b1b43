import { basename } from 'node:path';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster } from '../../schemas/defaults.ts';
import type { ResolvedCluster } from '../../schemas/defaults.ts';
import { formatDiagnostic, hasErrors } from '../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import { readConfigurationText } from '../config/readFile.ts';
import { CliError, exitCodes } from './exitCodes.ts';

/** A cluster file that may be installed. */
export interface ClusterSource {
  readonly file: { readonly name: string; readonly text: string };
  readonly cluster: ResolvedCluster;
  readonly warnings: readonly Diagnostic[];
}

/** Checks a cluster file's text. @throws CliError with every diagnostic. */
export function checkClusterText(name: string, text: string): ClusterSource {
  const document = parseDocument('cluster', text, name);
  const diagnostics = [...document.diagnostics, ...crossChecks([document])];
  if (document.value === null || hasErrors(diagnostics)) {
    throw new CliError(exitCodes.invalid, 'CLUSTER_FILE', diagnostics.map(formatDiagnostic).join('\n'), {
      diagnostics,
    });
  }
  return { file: { name: basename(name), text }, cluster: resolveCluster(document.value), warnings: diagnostics };
}

export async function readClusterFile(file: string): Promise<ClusterSource> {
  if (kindOfFile(file) !== 'cluster') {
    throw new CliError(exitCodes.usage, 'CLUSTER_FILE', `${file}: the name of a cluster file ends in .cluster.jsonc.`);
  }
  const read = await readConfigurationText(file);
  if (!read.ok) throw new CliError(exitCodes.usage, 'CLUSTER_FILE', `${read.diagnostic.message}.`);
  return checkClusterText(file, read.text);
}

/**
 * Writes a cluster file from options.
 * @param addresses `HOST=ADDRESS` (network lan) or `HOST:NETWORK=ADDRESS`.
 */
export function makeClusterText(
  name: string,
  addresses: readonly string[],
  witness: string | undefined,
): ClusterSource {
  const hosts: Record<string, Record<string, string>> = {};
  const networks: Record<string, object> = {};
  for (const text of addresses) {
    const match = /^([^:=]+)(?::([^:=]+))?=(.+)$/.exec(text);
    const [, host, network = 'lan', address] = match ?? [];
    if (host === undefined || address === undefined) {
      throw new CliError(
        exitCodes.usage,
        'BAD_ADDRESS',
        `--address ${text}: expected HOST=ADDRESS or HOST:NETWORK=ADDRESS, such as alpha:lan=10.77.0.1.`,
      );
    }
    networks[network] = {};
    hosts[host] = { ...hosts[host], [network]: address };
  }
  const arbiter = witness === undefined ? 'none' : { witness };
  return checkClusterText(`${name}.cluster.jsonc`, `${JSON.stringify({ name, networks, hosts, arbiter }, null, 2)}\n`);
}
