import * as vscode from 'vscode';
import { kindOfFile } from '../../schemas/document.ts';
import { clusterFile, type ArbiterAnswer, type ClusterAnswers } from '../../schemas/templates/cluster.ts';
import type { TemplateFile } from '../../schemas/templates/template.ts';
import {
  clusterErrors,
  clusterNameError,
  emptyCluster,
  etcdError,
  hostError,
  hostLine,
  hostOf,
  networksError,
  networksOf,
} from '../model/starting/clusterDraft.ts';
import { goBack, runSteps, type Step } from '../model/starting/steps.ts';
import type { Services } from '../services.ts';
import { entriesOf } from '../readFiles.ts';
import { askChoice, askText, type Choice } from '../starting/quickInputs.ts';
import { writeNewFiles } from '../starting/writeFiles.ts';
import { logFailure, tellFailure } from './moduleActions.ts';

const title = 'New Cluster';

interface Asked extends ClusterAnswers {
  readonly wantsEtcd: boolean;
}

/** Asks for networks, hosts and arbiter, and writes a cluster file. */
export async function newClusterCommand({ log }: Services): Promise<void> {
  try {
    const folder = await folderForCluster();
    if (folder === undefined) return;
    const present = await clusterFileIn(folder);
    if (present !== undefined) {
      const words = `${present} is in ${folder.fsPath} already, and an agent belongs to one cluster: choose another folder.`;
      throw new Error(`Nothing was written: ${words}`);
    }
    const answers = await runSteps<Asked>({ ...emptyCluster, wantsEtcd: false }, stepsFor);
    if (answers === undefined) return;
    const [error] = clusterErrors(answers);
    if (error !== undefined) throw new Error(`Nothing was written: ${error.path}: ${error.message}`);
    const file = clusterFile(answers);
    await writeNewFiles(folder, [file], `Write the file of cluster ${answers.name}?`);
    void tellNext(folder, file);
  } catch (error) {
    logFailure(error, log);
    tellFailure(error, log);
  }
}

/** A folder of the workspace without a cluster; an agent, and so a folder, belongs to one. Undefined: given up. */
async function folderForCluster(): Promise<vscode.Uri | undefined> {
  const free: vscode.Uri[] = [];
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    if ((await clusterFileIn(uri)) === undefined) free.push(uri);
  }
  const elsewhere = 'Another folder…';
  if (free.length > 0) {
    const items: Choice<vscode.Uri | null>[] = free.map((uri) => ({
      label: vscode.workspace.asRelativePath(uri),
      description: uri.fsPath,
      value: uri,
    }));
    const question = {
      title,
      placeholder: 'Where shall the cluster file lie?',
      items: [...items, { label: elsewhere, value: null }],
    };
    const chosen = free.length === 1 ? free[0] : await askChoice(question, { step: 1, total: 1 });
    if (chosen === undefined || chosen === goBack) return undefined;
    if (chosen !== null) return chosen;
  }
  const picked = await vscode.window.showOpenDialog({
    title: 'New Cluster: a folder for its file',
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: 'Use This Folder',
  });
  return picked?.[0];
}

/** The name of a cluster file that a folder holds. Undefined: it holds none. */
async function clusterFileIn(folder: vscode.Uri): Promise<string | undefined> {
  const names = (await entriesOf(folder)).map(([name]) => name);
  return names.find((name) => kindOfFile(name) === 'cluster');
}

function stepsFor(asked: Asked): readonly Step<Asked>[] {
  // One more than there are: it is left empty when there are no more.
  const hosts = Array.from({ length: Math.max(2, asked.hosts.length + 1) }, (_, index) => hostStep(index));
  return [
    nameStep,
    networksStep,
    ...(asked.networks.length > 1 ? [replicationStep] : []),
    ...hosts,
    arbiterStep,
    ...(asked.wantsEtcd ? [etcdStep] : []),
  ];
}

const nameStep: Step<Asked> = async (asked, position) => {
  const name = await askText(
    {
      title: `${title}: name`,
      prompt: 'Name of the cluster. It is part of every certificate, and cannot be changed later.',
      value: asked.name === '' ? 'site' : asked.name,
      check: (text) => clusterNameError(asked, text),
    },
    position,
  );
  return typeof name === 'string' ? { ...asked, name } : name;
};

const networksStep: Step<Asked> = async (asked, position) => {
  const text = await askText(
    {
      title: `${title}: networks`,
      prompt:
        'Names of the networks between the hosts, such as “lan, link”. Two are better: losing one then moves no server.',
      value: asked.networks.join(', '),
      check: (typed) => networksError(asked, typed),
    },
    position,
  );
  if (typeof text !== 'string') return text;
  const networks = networksOf(text);
  if (networks.join() === asked.networks.join()) return asked;
  // Addresses were typed in the order of other networks.
  return { ...asked, networks, replication: null, hosts: [] };
};

const replicationStep: Step<Asked> = async (asked, position) => {
  const items = asked.networks.map((network) => ({ label: network, value: network }));
  const proposed = asked.replication ?? asked.networks.at(-1);
  const network = await askChoice(
    {
      title: `${title}: replication`,
      placeholder: 'Which network shall the mirror prefer? The fastest one, such as a direct link.',
      items,
      active: items.find(({ value }) => value === proposed),
    },
    position,
  );
  return typeof network === 'string' ? { ...asked, replication: network } : network;
};

/** The third host and those after it may be left out. */
function hostStep(index: number): Step<Asked> {
  return async (asked, position) => {
    const { networks, hosts } = asked;
    const present = hosts[index];
    const mayEnd = index >= 2;
    const text = await askText(
      {
        title: `${title}: host ${String(index + 1)}`,
        prompt:
          `A name, then its address on ${networks.join(', on ')} (“-”: not connected).` +
          (mayEnd ? ' Empty: there are no more hosts. A third one can be the witness.' : ''),
        placeholder: hostLine({ name: 'alpha', addresses: exampleAddresses(networks) }, networks),
        value: present === undefined ? '' : hostLine(present, networks),
        check: (typed) => (mayEnd && typed === '' ? null : hostError(asked, index, typed)),
      },
      position,
    );
    if (typeof text !== 'string') return text;
    const before = hosts.slice(0, index);
    if (text === '') return { ...asked, hosts: before };
    return { ...asked, hosts: [...before, hostOf(text, networks), ...hosts.slice(index + 1)] };
  };
}

function exampleAddresses(networks: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(networks.map((network, index) => [network, `10.0.${String(index)}.1`]));
}

const arbiterStep: Step<Asked> = async (asked, position) => {
  const names = asked.hosts.map(({ name }) => name);
  const items: Choice<ArbiterAnswer | 'etcd'>[] = [
    ...(names.length < 3
      ? []
      : [...names].reverse().map((name) => ({
          label: `Witness: ${name}`,
          detail: `An agent that answers for the pairs of the others; ${name} is of no pair then.`,
          value: { kind: 'witness', hosts: [name] } as const,
        }))),
    ...(names.length < 3
      ? []
      : [
          {
            label: 'Witness: any third host',
            detail: 'Each pair takes the first host that is not of it.',
            value: { kind: 'witness', hosts: names } as const,
          },
        ]),
    { label: 'etcd…', detail: 'An etcd 3.4 or later that the site has anyway.', value: 'etcd' },
    {
      label: 'None',
      detail:
        names.length < 3
          ? 'Nothing is taken over by itself then. Go back and name a third host for a witness: any small machine will do.'
          : 'Nothing is taken over by itself then: an operator decides.',
      value: { kind: 'none' },
    },
  ];
  const chosen = await askChoice(
    {
      title: `${title}: arbiter`,
      placeholder: 'The third vote decides which of two hosts may run a module when they cannot reach each other',
      items,
    },
    position,
  );
  if (chosen === undefined || chosen === goBack) return chosen;
  if (chosen === 'etcd') return { ...asked, wantsEtcd: true };
  return { ...asked, arbiter: chosen, wantsEtcd: false };
};

const etcdStep: Step<Asked> = async (asked, position) => {
  const present = asked.arbiter.kind === 'etcd' ? asked.arbiter.endpoints.join(', ') : '';
  const text = await askText(
    {
      title: `${title}: members of etcd`,
      prompt: 'Their addresses for clients, separated by commas',
      placeholder: 'https://10.0.0.11:2379, https://10.0.0.12:2379, https://10.0.0.13:2379',
      value: present,
      check: (typed) => etcdError(asked, typed),
    },
    position,
  );
  if (typeof text !== 'string') return text;
  return { ...asked, arbiter: { kind: 'etcd', endpoints: networksOf(text) } };
};

async function tellNext(folder: vscode.Uri, { path }: TemplateFile): Promise<void> {
  const isOpen = vscode.workspace.getWorkspaceFolder(folder) !== undefined;
  const action = isOpen ? 'New Module…' : 'Open Folder';
  const words = `${path} is written. On the first host “understudy init” sets the cluster up with it.`;
  const chosen = await vscode.window.showInformationMessage(words, action);
  if (chosen === undefined) return;
  await (isOpen
    ? vscode.commands.executeCommand('understudy.newModule', vscode.Uri.joinPath(folder, path))
    : vscode.commands.executeCommand('vscode.openFolder', folder));
}
