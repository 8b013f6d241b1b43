import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { optionsOfNode } from '../../../agent/cli/verbs/languageServer.ts';
import { repositoryRoot } from '../../ui/repositoryRoot.ts';
import { yamlText } from './yamlText.ts';

/** A language server that takes part, and the files that it is given. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** Program and arguments; it speaks over its standard input and output. */
  readonly command: readonly string[];
  readonly languageId: string;
  /** Ending of a module's file, behind its name. */
  readonly ending: string;
  textOf(value: object): string;
  /** What it is told when it asks for the settings of a section. @param schema address of the schema of modules */
  settings(section: string, schema: string): unknown;
  /** Whether it checks files that nobody has opened. */
  readonly checksClosedFiles: boolean;
  /** How long it waits after a key press before it looks, milliseconds; 0 where that is not told apart from its work. */
  readonly delayMs: number;
}

/** The language server that is shipped, with the options of Node with which the command line and the editor start it. */
export function ours(): Contender {
  const root = repositoryRoot();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    name: 'ours',
    version,
    command: [process.execPath, ...optionsOfNode, join(root, 'dist/languageServer.mjs'), '--stdio'],
    languageId: 'understudy-module',
    ending: '.module.jsonc',
    textOf: (value) => JSON.stringify(value, null, 2),
    settings: () => null,
    checksClosedFiles: true,
    delayMs: 0,
  };
}

/** The language server for YAML that most editors use, as its package of npm is started. */
export function yamlLanguageServer(): Contender {
  const load = createRequire(join(repositoryRoot(), 'package.json'));
  const manifest = load.resolve('yaml-language-server/package.json');
  const { name, version } = load(manifest) as { name: string; version: string };
  // The wait is no setting: it is read where the server itself takes it from.
  const { SettingsState } = load(join(dirname(manifest), 'out/server/src/yamlSettings.js')) as {
    SettingsState: new () => { readonly validationDelayMs: number };
  };
  return {
    name,
    version,
    command: [process.execPath, join(dirname(manifest), 'bin/yaml-language-server'), '--stdio'],
    languageId: 'yaml',
    ending: '.module.yaml',
    textOf: yamlText,
    settings: (section, schema) =>
      section === 'yaml'
        ? {
            validate: true,
            schemas: { [schema]: '*.module.yaml' },
            // Nothing is looked up on a network.
            schemaStore: { enable: false },
            kubernetesCRDStore: { enable: false },
          }
        : null,
    checksClosedFiles: false,
    delayMs: new SettingsState().validationDelayMs,
  };
}
