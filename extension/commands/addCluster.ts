import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { apiProtocolVersion } from '../../schemas/protocolVersion.ts';
import { formatAddress, parseAddress } from '../client/address.ts';
import type { AgentAddress } from '../client/address.ts';
import { fetchCertificates, pinFor } from '../client/certificates.ts';
import type { Pin, ShownCertificate } from '../client/certificates.ts';
import { messageOf, TokenError } from '../client/errors.ts';
import { RpcConnection } from '../client/rpcConnection.ts';
import type { Services } from '../services.ts';
import { clusterViewId } from '../tree/clusterTree.ts';
import { askToken } from './enterToken.ts';

/**
 * Adds a cluster: address, certificate as shown by the agent and confirmed by the person, token. Nothing is kept unless all of
 * it worked.
 */
export async function addClusterCommand(services: Services): Promise<void> {
  const address = await askAddress();
  if (address === undefined) return;
  try {
    const chain = await progress(`Asking ${formatAddress(address)} for its certificate`, () =>
      fetchCertificates(address),
    );
    const pin = pinFor(chain);
    if (!(await confirmPin(address, chain, pin))) return;
    await addWithToken(services, address, pin);
  } catch (error) {
    services.log.warn(`add cluster: ${messageOf(error)}`);
    void vscode.window.showErrorMessage(`The cluster was not added. ${messageOf(error)}`);
  }
}

async function askAddress(): Promise<AgentAddress | undefined> {
  const text = await vscode.window.showInputBox({
    title: 'Add Cluster (1/2): address',
    prompt: 'Address of an agent: any host of the cluster. The other hosts are learnt from it.',
    placeHolder: '10.77.0.1 or alpha.example.com:4810',
    ignoreFocusOut: true,
    validateInput: (value) => {
      const parsed = parseAddress(value);
      return value === '' || typeof parsed !== 'string' ? null : parsed;
    },
  });
  const parsed = text === undefined ? undefined : parseAddress(text);
  return typeof parsed === 'string' ? undefined : parsed;
}

async function confirmPin(address: AgentAddress, chain: readonly ShownCertificate[], pin: Pin): Promise<boolean> {
  const leaf = chain[0];
  const root = chain.find(({ sha256 }) => sha256 === pin.sha256);
  const what =
    pin.kind === 'authority'
      ? `The certificate authority of its cluster (${root?.subject ?? ''})`
      : `Its certificate (${leaf?.subject ?? ''})`;
  const detail = [
    `${what} has the SHA-256 fingerprint`,
    // In lines of eight bytes it can be compared by eye.
    (pin.sha256.match(/(?:..:?){8}/g) ?? [pin.sha256]).map((line) => line.replace(/:$/, '')).join('\n'),
    `valid until ${root?.validTo ?? leaf?.validTo ?? ''}.`,
    'Compare it with what "understudy token create" printed on the host. From now on only this certificate is accepted.',
  ].join('\n');
  const question = `Trust the agent at ${formatAddress(address)}?`;
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Trust')) === 'Trust';
}

/** Asks for the token until the agent takes one, then keeps everything. */
async function addWithToken(services: Services, address: AgentAddress, pin: Pin): Promise<void> {
  for (let title = 'Add Cluster (2/2): token'; ; title = 'Add Cluster (2/2): this token was not taken, enter another') {
    const token = await askToken(formatAddress(address), title);
    if (token === undefined) return;
    try {
      const name = await progress('Connecting', () => nameOfCluster(address, pin, token));
      // Added again, it gets the new token and address: twice the same cluster would be of no use.
      const known = services.added.find(name, pin);
      const id = known?.id ?? randomUUID();
      await services.tokens.set(id, token);
      await services.added.add({
        id,
        name,
        addresses: [...new Set([formatAddress(address), ...(known?.addresses ?? [])])],
        pin,
        source: 'added',
        tokenFile: null,
        problem: null,
      });
      await services.registry.reconnect(id);
      return;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      services.log.warn(`add cluster: ${error.message}`);
    }
  }
}

async function nameOfCluster(address: AgentAddress, pin: Pin, token: string): Promise<string> {
  const rpc = await RpcConnection.open({ address, pin, token });
  try {
    const hello = await rpc.request('session.hello', {
      protocolVersion: apiProtocolVersion,
      client: 'understudy-vscode',
    });
    return hello.cluster;
  } finally {
    rpc.close();
  }
}

async function progress<T>(title: string, work: () => Promise<T>): Promise<T> {
  return vscode.window.withProgress({ location: { viewId: clusterViewId }, title }, work);
}
