/** What stands above a module or cluster file while its cluster is connected. Pure: the editor's part only draws it. */
import { apiMethods, isRoleEnough } from '../../schemas/apiMethods.ts';
import type { ModuleStatus } from '../../schemas/generated/api.ts';
import type { ActionName } from '../../schemas/panel.ts';
import { allowedActions } from './allowedActions.ts';
import { clusterWords } from './clusterWords.ts';
import { clustersOf } from './fileClusters.ts';
import type { FileSubject, LiveCluster } from './fileClusters.ts';
import { onLine } from './markdown.ts';
import { moduleFacts, moduleWords } from './moduleFacts.ts';
import { stateIconNames } from './stateIconNames.ts';
import { warningsText } from './troubles.ts';

/** A file as it is in the editor. */
export interface LensFile extends FileSubject {
  /** With `\n` at the end of each line. */
  readonly text: string;
  readonly hasErrors: boolean;
}

/** A connected cluster, and what it runs by. */
export interface LensCluster extends LiveCluster {
  /** The text of the file that the hosts run by, with `\n` at the end of each line; null: they have none; undefined: not known. */
  readonly running: string | null | undefined;
}

/** What a lens does; null: it only tells. */
export type LensAction = 'start' | 'switchover' | 'stop' | 'open' | 'compare' | 'apply' | null;

/** One lens. */
export interface LensFacts {
  /** The cluster's {@link LiveCluster.id}. */
  readonly cluster: string;
  readonly action: LensAction;
  /** May have icons in it, as the editor writes them. */
  readonly title: string;
  /** What it does now, in a sentence; null: the title says all. */
  readonly hint: string | null;
}

/** Reasons may be long; the panel has all of it. */
const longestState = 120;

const operations: readonly (readonly [ActionName & LensAction, string])[] = [
  ['start', 'Start…'],
  ['switchover', 'Switch Over…'],
  ['stop', 'Stop…'],
];

/** The lenses of a file: of each cluster that it is about, its state and what can be done now with the token that there is. */
export function lensesOf(file: LensFile, clusters: readonly LensCluster[]): readonly LensFacts[] {
  const own = clustersOf(file, clusters);
  return own.flatMap((cluster) => {
    const lenses = file.kind === 'module' ? ofModule(file, cluster) : ofCluster(file, cluster);
    // Of several clusters each lens says which one it is about.
    const suffix = own.length > 1 ? ` (${onLine(cluster.name, longestState)})` : '';
    return lenses.map((lens) => ({ ...lens, cluster: cluster.id, title: `${lens.title}${suffix}` }));
  });
}

type Lens = Omit<LensFacts, 'cluster'>;

function ofModule(file: LensFile, cluster: LensCluster): readonly Lens[] {
  const module = cluster.snapshot.modules.find(({ name }) => name === file.name);
  const name = onLine(file.name, longestState);
  if (module === undefined) {
    const title = withIcon('circle-outline', `${name}: not in cluster ${onLine(cluster.name, longestState)} yet`);
    return [{ action: null, title, hint: null }, ...ofText(file, cluster, true)];
  }
  const allowed = allowedActions(module, cluster.role);
  return [
    { action: null, title: withIcon(iconOf(module), `${name}: ${stateOf(module)}`), hint: null },
    ...operations.flatMap(([action, title]): Lens[] => {
      const facts = allowed.find((each) => each.name === action);
      return facts?.enabled === true ? [{ action, title, hint: facts.hint }] : [];
    }),
    { action: 'open', title: 'Open Panel', hint: null },
    ...ofText(file, cluster, false),
  ];
}

function ofCluster(file: LensFile, cluster: LensCluster): readonly Lens[] {
  const name = onLine(file.name, longestState);
  const title = withIcon('server-environment', `${name}: ${clusterWords(cluster.snapshot)}`);
  return [{ action: null, title, hint: null }, ...ofText(file, cluster, false)];
}

/** What can be done about a text that is not what the hosts run by. @param isNew whether they have nothing that the file could be meant to follow */
function ofText({ text, hasErrors }: LensFile, { role, running }: LensCluster, isNew: boolean): readonly Lens[] {
  if (running === undefined || running === text) return [];
  // Under another file name it would be a second file of the same module, or a second cluster file, which no host takes.
  if (running === null && !isNew) return [];
  const lenses: Lens[] = [];
  if (running !== null) {
    const hint = 'Compare this text with what the hosts run by.';
    lenses.push({ action: 'compare', title: 'Show Difference', hint });
  }
  if (isRoleEnough(role, apiMethods['configuration.apply'].role) && !hasErrors) {
    const hint = running === null ? 'Add this file on all hosts.' : 'Make all hosts run by this text.';
    lenses.push({ action: 'apply', title: 'Apply…', hint });
  }
  return lenses;
}

/** Behind an icon the editor swallows a blank that may break. */
function withIcon(icon: string, words: string): string {
  return `$(${icon})\u00a0${words}`;
}

function iconOf(module: ModuleStatus): string {
  return stateIconNames[moduleFacts(module).severity];
}

function stateOf(module: ModuleStatus): string {
  const { warnings, maintenance } = module;
  return [
    onLine(moduleWords(module), longestState),
    ...(maintenance ? ['maintenance'] : []),
    ...(warnings.length === 0 ? [] : [warningsText(warnings.length)]),
  ].join(' · ');
}

/** A text as texts are compared: where lines end in another way, nothing differs that an agent could notice. */
export function withPlainLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}
