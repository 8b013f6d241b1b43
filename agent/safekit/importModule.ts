import { crossChecks } from '../../schemas/crossChecks.ts';
import { parseDocument } from '../../schemas/document.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import type { ModuleInput } from './archive/moduleInput.ts';
import { Draft } from './draft.ts';
import { ownName } from './names.ts';
import { moduleText } from './output/moduleText.ts';
import { reportText, type Report } from './output/report.ts';
import { printable } from './printable.ts';
import { translate } from './rules/translate.ts';
import { keepFiles } from './scripts/moduleScripts.ts';
import { planScripts } from './scripts/plan.ts';
import { decodeXml } from './xml/decode.ts';
import { parseXml } from './xml/parse.ts';
import { readTree } from './xml/tree.ts';

export interface ImportOptions {
  /** What is imported, for people: the name of a file or folder. */
  readonly source: string;
  /** What the module shall be called; it is brought into the form of names. */
  readonly name: string;
  /** The two hosts, when they are known. */
  readonly hosts?: readonly [string, string];
  /** Where the scripts will be on the hosts, absolute. Default: /etc/understudy/scripts/NAME. */
  readonly scriptsFolder?: string;
}

export interface WrittenFile {
  /** Below the folder that is imported to: "web.module.jsonc", "scripts/web/start". Safe to be written. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permission bits. */
  readonly mode: 0o644 | 0o755;
}

export interface ImportedModule {
  readonly name: string;
  /** Empty when there is no module to be made of it. */
  readonly files: readonly WrittenFile[];
  readonly report: Report;
  /** The report as Markdown. */
  readonly reportText: string;
  /** What the module file itself is told by the checks of Understudy. Errors are mistakes of the import. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Makes a module of Understudy of one of SafeKit. Touches nothing: bytes in, files and a report out.
 * @throws ImportError when the input is refused as a whole
 */
export function importModule(input: ModuleInput, options: ImportOptions): ImportedModule {
  const name = ownName(options.name, 'imported');
  const source = printable(options.source);
  const document = parseXml(decodeXml(input.configuration));
  const root = readTree(document);
  const draft = new Draft(name);
  const isComplete = input.files.some(({ path }) => path.startsWith('bin/'));
  const hasFile = (path: string): boolean | null =>
    isComplete ? input.files.some((file) => file.path === path) : null;
  const findings = translate(root, draft, hasFile);
  const { kept, findings: files } = keepFiles(input.files, draft);
  const plan = planScripts(draft, kept, isComplete);
  const folder = options.scriptsFolder ?? `/etc/understudy/scripts/${name}`;
  const report: Report = {
    source,
    module: name,
    impossible: draft.impossible,
    toDo: toDoOf(draft, options, folder),
    differences: differencesOf(draft),
    configuration: findings.list(root),
    files,
    commentedOut: document.commentedOut,
  };
  const markdown = reportText(report);
  if (draft.impossible !== null) return { name, files: [], report, reportText: markdown, diagnostics: [] };

  const text = moduleText({ draft, plan, source, scriptsFolder: folder, hosts: options.hosts ?? null });
  const file = `${name}.module.jsonc`;
  // Where editors look for what belongs to /etc/understudy/scripts, and where templates write it.
  const beside = `scripts/${name}`;
  const parsed = parseDocument('module', text, file);
  const bytesOf = (content: string | Uint8Array): Uint8Array =>
    typeof content === 'string' ? Buffer.from(content) : content;
  return {
    name,
    files: [
      { path: file, bytes: bytesOf(text), mode: 0o644 },
      { path: `${beside}/import-report.md`, bytes: bytesOf(markdown), mode: 0o644 },
      ...plan.files.map(({ path, content, isProgram }): WrittenFile => {
        return { path: `${beside}/${path}`, bytes: bytesOf(content), mode: isProgram ? 0o755 : 0o644 };
      }),
    ],
    report,
    reportText: markdown,
    diagnostics: [...parsed.diagnostics, ...crossChecks([parsed])],
  };
}

/** What a person has to do, from the first step to the last. */
function toDoOf(draft: Draft, { hosts, name }: ImportOptions, folder: string): readonly string[] {
  const steps: string[] = [];
  if (draft.name !== name) {
    steps.push(`The module is called "${draft.name}": a name has lower-case letters, digits and hyphens.`);
  }
  if (draft.isWindows) {
    steps.push(
      "The module was made for Windows. Understudy's hosts run Linux: what concerns Windows was left out, and is to be written anew.",
    );
  }
  if (hosts === undefined) steps.push('Put in the names of the two hosts ("hosts"): the module does not hold them.');
  const preferred = draft.preferredHost?.value;
  if (hosts !== undefined && preferred !== undefined && preferred !== hosts[0]) {
    steps.push(
      `Put "${preferred}" first in "hosts" if the module is to go back there (defaultprim): you said "${hosts[0]}".`,
    );
  }
  const networks = draft.networks.map((network) => `"${network}"`).join(', ');
  const replication =
    draft.replicationNetwork === null ? '' : `, and "replication": true beside "${draft.replicationNetwork}"`;
  if (networks !== '') {
    steps.push(
      `See to it that the cluster file has the networks ${networks} with the addresses of the hosts${replication}.`,
    );
  }
  if (draft.directories.length === 0) {
    steps.push(
      'Put in the directories that hold the data ("mirror.directories"): the module names none that could be mirrored.',
    );
  }
  if (draft.addresses.some(({ value }) => value.interface === null)) {
    steps.push('Say on which network each virtual address is ("virtualAddresses").');
  }
  steps.push(
    ...draft.toDo,
    'Read all of the scripts: they are run as root.',
    `Copy the folder "scripts/${draft.name}" to ${folder} on both hosts, owned by root, with its scripts executable (the module file names them there).`,
    'Stop the module in SafeKit on both hosts, and take it out of SafeKit, before it is started here: no server may be run by both.',
    `Check it beside the cluster file (understudy validate), apply it (understudy apply ${draft.name}.module.jsonc), and start it (understudy start ${draft.name}). The first start is on the host that has the data; the other one gets a full copy, and what lies there before is kept aside.`,
  );
  return steps;
}

function differencesOf(draft: Draft): readonly string[] {
  const differences = [
    'An arbiter decides which host may run the module when they do not hear each other: a third machine, not an address that is pinged. The two never run it at once.',
    'A host whose data are not the newest never starts by itself, and what one of two diverged hosts wrote is kept aside, never discarded.',
    'A check acts after three looks in a row that failed ("failures"); SafeKit acts after 15 seconds.',
  ];
  if (draft.detection === null) {
    differences.push(
      'A host counts as failed when it is silent for 3 seconds ("failover.detection"); SafeKit waits for 30.',
    );
  }
  if (draft.restarts === null || draft.restartPeriod === null) {
    differences.push(
      'Three restarts in ten minutes become a failover ("failover.restarts", "restartPeriod"); SafeKit counts three in 24 hours, and stops the module on that host.',
    );
  }
  return differences;
}
