import * as vscode from 'vscode';
import { arbiterText } from '../../schemas/arbiter.ts';
import type { ConditionStatus, MaintenanceStatus, ModuleStatus } from '../../schemas/generated/api.ts';
import { isOverloaded, loadText } from '../../schemas/capacity.ts';
import { allowedActions } from '../model/allowedActions.ts';
import { clusterWords } from '../model/clusterWords.ts';
import { formatDuration } from '../model/format.ts';
import { failbackWords } from '../model/failbackWords.ts';
import { plain } from '../model/markdown.ts';
import { drainableHosts, suspicionText } from '../model/hostFacts.ts';
import {
  addressFacts,
  knownDifferences,
  linkFacts,
  moduleFacts,
  replicaFacts,
  resyncPercent,
  runningResync,
  runningVerify,
} from '../model/moduleFacts.ts';
import { warningsText } from '../model/troubles.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { ClusterNode, ModuleNode, NoteNode, ReplicaNode, TreeNode, WitnessNode } from './nodes.ts';
import { stateIcon } from './stateIcon.ts';

/** The line that a node is shown as. */
export function treeItemOf(node: TreeNode): vscode.TreeItem {
  const item = itemOf(node);
  item.id = node.id;
  const words = [item.label, item.description].filter((part) => typeof part === 'string').join(', ');
  item.accessibilityInformation = { label: words };
  return item;
}

function itemOf(node: TreeNode): vscode.TreeItem {
  switch (node.kind) {
    case 'cluster':
      return clusterItem(node);
    case 'module':
      return moduleItem(node);
    case 'replica':
      return replicaItem(node);
    case 'witness':
      return witnessItem(node);
    case 'note':
      return noteItem(node);
  }
}

function clusterItem({ session }: ClusterNode): vscode.TreeItem {
  const item = new vscode.TreeItem(session.profile.name, vscode.TreeItemCollapsibleState.Expanded);
  const { state, profile, store } = session;
  const facts = [profile.source === 'added' ? 'removable' : '', profile.tokenFile === null ? 'ownToken' : ''];
  switch (state.kind) {
    case 'connected': {
      item.iconPath = new vscode.ThemeIcon('server-environment');
      item.description = `${clusterWords(store.snapshot)} · via ${state.hello.host}`;
      facts.push(session.may('configuration.read') ? 'versions' : '');
      facts.push(session.may('configuration.restore') ? 'restore' : '');
      break;
    }
    case 'connecting':
      item.iconPath = stateIcon('busy');
      item.description = 'connecting…';
      break;
    case 'idle':
      item.iconPath = stateIcon('unknown');
      item.description = ['not connected', asOf(session)].filter(Boolean).join(' · ');
      facts.push('offline');
      break;
    case 'unreachable':
      item.iconPath = stateIcon('unknown');
      item.description = ['unreachable', asOf(session)].filter(Boolean).join(' · ');
      facts.push('offline');
      break;
    case 'blocked':
      item.iconPath = stateIcon('error');
      item.description = {
        token: 'token needed',
        certificate: 'certificate not trusted',
        version: 'other version',
        setup: 'not set up',
      }[state.problem];
      facts.push('offline', state.problem === 'token' && profile.tokenFile === null ? 'token' : '');
      break;
  }
  item.contextValue = contextValue('cluster', facts);
  item.tooltip = clusterTooltip(session);
  return item;
}

function moduleItem({ session, module: name }: ModuleNode): vscode.TreeItem {
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
  const module = session.store.module(name);
  if (module === undefined) return item;
  const facts = moduleFacts(module);
  item.iconPath = stateIcon(session.connected ? facts.severity : 'unknown');
  item.description = session.connected
    ? `${facts.word} ${facts.label}${module.maintenance ? ' · maintenance' : ''}${verifyOf(module)}${warningsOf(module)}`
    : `last known: ${facts.word}`;
  const actions = allowedActions(module, session.role).filter((action) => action.enabled);
  const { maintenance = null } = module;
  const attention = !session.may('module.maintenance') ? '' : maintenance === null ? 'attended' : 'maintained';
  item.contextValue = contextValue('module', [...actions.map((action) => action.name), attention]);
  const lines = [
    titled(name, `${facts.word} ${facts.label}`),
    plain(linkFacts(module).detail),
    plain(resyncOf(module)),
    plain(failbackWords(module) ?? ''),
    plain(
      addressFacts(module)
        .map(({ address, host }) => `${address} ${host === null ? 'is not set' : `on ${host}`}`)
        .join(' · '),
    ),
    plain(`Epoch ${module.epoch} · ${(module.directories ?? [module.directory]).join(' · ')}`),
  ];
  if (maintenance) lines.splice(1, 0, `$(tools) ${plain(maintenanceWords(maintenance))}`);
  item.tooltip = markdown([...lines, ...module.warnings.map((warning) => `$(warning) ${plain(warning)}`)]);
  return item;
}

function replicaItem({ session, module: name, host }: ReplicaNode): vscode.TreeItem {
  const item = new vscode.TreeItem(host, vscode.TreeItemCollapsibleState.None);
  const module = session.store.module(name);
  const replica = module?.onHosts.find((candidate) => candidate.host === host);
  if (module === undefined || replica === undefined) return item;
  const facts = replicaFacts(replica, module);
  const primary = replica.state === 'PRIM' || replica.state === 'ALONE';
  const resync = progressOf(module, facts.label);
  const running = `server ${replica.server.state}`;
  // What stands in the state's name already is not said twice: the side bar is narrow.
  const told = facts.label === 'stopped' || facts.label === 'in service' ? '' : ` ${facts.label}${resync}`;
  const server =
    replica.known && facts.label !== running && (primary || replica.server.state !== 'stopped') ? ` · ${running}` : '';
  const { drain = null, load = null } = session.store.host(host) ?? {};
  const suspicion = session.connected ? suspicionText(session.store.host(host)) : null;
  item.iconPath = stateIcon(session.connected ? facts.severity : 'unknown');
  item.description = session.connected
    ? `${facts.word}${told}${server}${suspicion === null ? '' : ' · suspect'}${drain === null ? '' : ` · ${drain}`}`
    : `last known: ${facts.word}`;
  const applicable = allowedActions(module, session.role).filter(
    (action) =>
      (action.name === 'switchover' || action.name === 'forcePrimary' || action.name === 'resolve') &&
      action.hosts.includes(host),
  );
  const drains = [false, true].filter((isDrained) => drainableHosts(session.store.snapshot, isDrained).includes(host));
  item.contextValue = contextValue('replica', [
    ...applicable.map((action) => action.name),
    ...drains.map((isDrained) => (session.may('host.drain') ? (isDrained ? 'undrain' : 'drain') : '')),
  ]);
  const networks = session.store.host(host)?.networks ?? [];
  const drained = `${host} is ${drain ?? ''}: until it is undrained no start, switchover or failback prefers it; it takes over when the other host fails, stops, or may not go on.`;
  item.tooltip = markdown([
    titled(host, `${facts.word} ${facts.label}`),
    plain(replica.reason ?? ''),
    suspicionLine(suspicion),
    drain === null ? '' : plain(drained),
    load === null ? '' : `${isOverloaded(load) ? '$(warning) ' : ''}${plain(`Carries ${loadText(load)}.`)}`,
    replica.undoLost ? `$(warning) ${plain(`What it was before this resync is not kept: ${replica.undoLost}.`)}` : '',
    plain(
      `Epoch ${replica.epoch} · server ${replica.server.state}${replica.server.detail === null ? '' : ` (${replica.server.detail})`}`,
    ),
    ...(replica.known ? (replica.checks ?? []) : []).map((check) => checkLine('Check', check)),
    ...(replica.known ? (replica.conditions ?? []) : []).map((condition) => checkLine('Condition', condition)),
    ...networks.map(
      (network) => `${network.up ? '$(check)' : '$(close)'} ${plain(`${network.name} ${network.address}`)}`,
    ),
  ]);
  item.command = {
    command: 'understudy.openModule',
    title: 'Open Module Panel',
    arguments: [{ kind: 'replica', session, module: name, host, id: '' }],
  };
  return item;
}

function suspicionLine(suspicion: string | null): string {
  return suspicion === null ? '' : `$(warning) ${plain(suspicion)}`;
}

function checkLine(kind: string, { name, state, since, error }: ConditionStatus): string {
  const icon = { starting: 'sync', well: 'check', failing: 'warning', failed: 'error' }[state];
  const words = `${kind} ${name} ${state} since ${new Date(since).toLocaleString()}${error === null ? '' : `: ${error}`}`;
  return `$(${icon}) ${plain(words)}`;
}

function maintenanceWords({ until, reason, by }: MaintenanceStatus): string {
  return `In maintenance until ${new Date(until).toLocaleString()}, neither restarted nor taken over by itself${reason === null ? '' : `: ${reason}`} (${by}).`;
}

/** ` · verify 42 %` while one runs, and what the last one found if that is not nothing. */
function verifyOf(module: ModuleStatus): string {
  const running = runningVerify(module);
  if (running) {
    return ` · verify ${running.toCheck === 0 ? 0 : Math.floor((100 * running.checked) / running.toCheck)} %`;
  }
  const count = knownDifferences(module);
  return count === 0 ? '' : ` · ${count === 1 ? '1 difference' : `${count} differences`}`;
}

/** ` · 1 warning`: what it is stands in the tooltip and in the panel. */
function warningsOf({ warnings }: ModuleStatus): string {
  return warnings.length === 0 ? '' : ` · ${warningsText(warnings.length)}`;
}

/** What a resync is for. How far it is stands in the line of the secondary. */
function resyncOf(module: ModuleStatus): string {
  const resync = runningResync(module);
  return resync ? `Resync (${resync.kind}: ${resync.cause}).` : '';
}

/** ` 42 %` for the replica that is being brought up to date, and how long it takes. */
function progressOf(module: ModuleStatus, label: string): string {
  const resync = runningResync(module);
  if (!resync || (label !== 'resynchronising' && label !== 'resync paused') || resync.toCheck === 0) return '';
  const left = resync.secondsLeft === null ? '' : `, ${formatDuration(resync.secondsLeft * 1000)} left`;
  return ` ${resyncPercent(resync)} %${left}`;
}

function witnessItem({ session, host: name }: WitnessNode): vscode.TreeItem {
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.None);
  const host = session.store.host(name);
  const reachable = host?.reachable === true;
  const suspicion = session.connected ? suspicionText(host) : null;
  const severity = !session.connected ? 'unknown' : reachable && suspicion === null ? 'good' : 'warning';
  item.iconPath = severity === 'good' ? new vscode.ThemeIcon('law') : stateIcon(severity);
  const heard = suspicion !== null ? 'suspect' : reachable ? 'reachable' : 'not reachable';
  item.description = `witness · ${session.connected ? heard : 'not known'}`;
  item.contextValue = 'witness;';
  item.tooltip = markdown([
    titled(name, 'witness'),
    suspicionLine(suspicion),
    reachable
      ? 'Holds the third vote of this cluster.'
      : 'The third vote is missing: a healthy pair goes on, but no host can take over by itself.',
  ]);
  return item;
}

function noteItem({ text, isWarning }: NoteNode): vscode.TreeItem {
  const item = new vscode.TreeItem(text, vscode.TreeItemCollapsibleState.None);
  item.iconPath = new vscode.ThemeIcon(isWarning ? 'warning' : 'info');
  item.tooltip = text;
  return item;
}

function clusterTooltip(session: ClusterSession): vscode.MarkdownString {
  const { state, store, profile } = session;
  const lines = [titled(profile.name, profile.addresses.join(', '))];
  if (state.kind === 'connected') {
    lines.push(plain(`Connected to ${state.hello.host} at ${state.address} as ${state.hello.role}.`));
    const arbiter = store.snapshot && arbiterText(store.snapshot);
    if (arbiter) {
      lines.push(`${store.arbiter?.reachable === true ? '' : '$(warning) '}${plain(`Arbiter: ${arbiter}.`)}`);
    } else if (store.snapshot) {
      lines.push('$(warning) No arbiter: failover is manual unless a module accepts the risk.');
    }
  } else if ('reason' in state) {
    lines.push(plain(state.reason), state.kind === 'unreachable' ? 'Tried again by itself.' : '');
  }
  return markdown(lines);
}

function asOf(session: ClusterSession): string {
  const age = session.store.age;
  if (age === null) return '';
  return age < 10_000 ? `as of ${Math.ceil(age / 1000)} s ago` : `as of ${formatDuration(age)} ago`;
}

/** `KIND;FACT;FACT;`, for the `when` clauses of menus. */
function contextValue(kind: string, facts: readonly string[]): string {
  return `${kind};${facts
    .filter((fact) => fact !== '')
    .map((fact) => `${fact};`)
    .join('')}`;
}

function titled(name: string, words: string): string {
  return `**${plain(name)}** — ${plain(words)}`;
}

/** @param lines Markdown: what others wrote stands in it as {@link plain} text */
function markdown(lines: readonly string[]): vscode.MarkdownString {
  return new vscode.MarkdownString(lines.filter((line) => line !== '').join('\n\n'), true);
}
