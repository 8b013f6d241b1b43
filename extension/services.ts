import type * as vscode from 'vscode';
import type { AddedProfiles } from './clusters/addedProfiles.ts';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import type { ImportReports } from './importReports.ts';
import type { ExplainPanels } from './panels/explainPanels.ts';
import type { ModulePanels } from './panels/modulePanels.ts';
import type { Tokens } from './secrets.ts';

/** What commands need. */
export interface Services {
  readonly registry: ClusterRegistry;
  readonly added: AddedProfiles;
  readonly tokens: Tokens;
  readonly panels: ModulePanels;
  readonly reports: ImportReports;
  /** The bundled program that imports modules of SafeKit, an absolute path. */
  readonly importProgram: string;
  readonly explainPanels: ExplainPanels;
  readonly log: vscode.LogOutputChannel;
}
