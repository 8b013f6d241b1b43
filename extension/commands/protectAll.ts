import * as vscode from 'vscode';
import type { Finding } from '../model/starting/findings.ts';
import { possiblePairs, type Pair } from '../model/starting/hostSpread.ts';
import { planModules } from '../model/starting/protectPlan.ts';
import { goBack, runSteps, type Step } from '../model/starting/steps.ts';
import type { Surroundings } from '../model/starting/surroundings.ts';
import type { Services } from '../services.ts';
import { chooseClusterFolder, readSurroundings } from '../starting/clusterFolders.ts';
import { findDomains, findFolders } from '../starting/findServers.ts';
import { askChoice, askChoices, type Choice } from '../starting/quickInputs.ts';
import { writeNewFiles } from '../starting/writeFiles.ts';
import { logFailure, tellFailure } from './moduleActions.ts';

const title = 'Protect All on This Host';

interface Asked {
  readonly found: readonly Finding[];
  readonly pairs: readonly Pair[];
  /** Of the findings those that the person wants. */
  readonly wanted: readonly Finding[];
}

/** Finds virtual servers on the machine that the editor works on, and writes a module for each that the person wants. */
export async function protectAllCommand({ log }: Services): Promise<void> {
  try {
    const folder = await chooseClusterFolder(title, null);
    if (folder === undefined) return;
    const around = await readSurroundings(folder);
    const domains = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: 'Asking libvirt for its domains' },
      findDomains,
    );
    const nothing: Asked = { found: [], pairs: [], wanted: [] };
    const asked = await runSteps(nothing, () => [sourceStep(domains ?? []), pairsStep(around), modulesStep(around)]);
    if (asked === undefined) return;
    // Those that were left out leave their hosts to the others.
    const { modules } = planModules(asked.wanted, asked.pairs, around);
    const count = modules.length === 1 ? '1 module' : `${String(modules.length)} modules`;
    await writeNewFiles(
      folder.uri,
      modules.flatMap(({ files }) => files),
      `Write the files of ${count}?`,
    );
    void vscode.window.showInformationMessage(
      `The files of ${count} are written. What has to be done before the first start stands at the top of each.`,
    );
  } catch (error) {
    logFailure(error, log);
    tellFailure(error, log);
  }
}

function sourceStep(domains: readonly Finding[]): Step<Asked> {
  return async (asked, position) => {
    const folders: Choice<readonly Finding[] | null> = {
      label: 'Folders, one for each virtual server…',
      detail: 'You choose the folder above them, such as /srv/vm.',
      value: null,
    };
    const libvirt: Choice<readonly Finding[] | null> = {
      label: `${String(domains.length)} domains of libvirt`,
      detail: domains.map(({ label }) => label).join(', '),
      value: domains,
    };
    const items = domains.length === 0 ? [folders] : [libvirt, folders];
    const chosen = await askChoice({ title, placeholder: 'Which virtual servers are meant?', items }, position);
    if (chosen === undefined || chosen === goBack) return chosen;
    const found = chosen ?? (await pickFolders());
    return found === undefined ? undefined : { ...asked, found };
  };
}

async function pickFolders(): Promise<readonly Finding[] | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: `${title}: the folder above those of the virtual servers`,
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: 'Look Here',
    defaultUri: vscode.Uri.file('/srv/vm'),
  });
  const [folder] = picked ?? [];
  if (folder === undefined) return undefined;
  const found = await findFolders(folder);
  if (found.length > 0) return found;
  throw new Error(`Nothing was written: there are no folders below ${folder.fsPath}.`);
}

/** The pairs that modules are spread over: all of them, or those of one preferred host. */
function pairsStep({ cluster }: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const all = cluster === null ? [] : possiblePairs(cluster);
    const preferred = [...new Set(all.map(([first]) => first))];
    const items: Choice<readonly Pair[]>[] = [
      {
        label: `Spread over ${preferred.join(', ')}`,
        detail:
          'Each module prefers the host that the fewest others prefer. Those that run elsewhere now have to be moved once.',
        value: all,
      },
      ...preferred.map((host) => ({
        label: `All on ${host}`,
        detail: `${host} runs them, and the other hosts stand in.`,
        value: all.filter(([first]) => first === host),
      })),
    ];
    const pairs = await askChoice({ title, placeholder: 'Which host shall each of them prefer?', items }, position);
    return pairs === undefined || pairs === goBack ? pairs : { ...asked, pairs };
  };
}

function modulesStep(around: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const { modules, refused } = planModules(asked.found, asked.pairs, around);
    if (modules.length === 0) {
      const reasons = refused.map(({ finding, reason }) => `${finding.label}: ${reason}`).join(' · ');
      throw new Error(`Nothing was written: no module could be made. ${reasons}`);
    }
    const items: Choice<Finding>[] = modules.map(({ answers, template, finding }) => ({
      label: answers.name,
      description: `${answers.directory} · ${answers.hosts.join(', or else ')}`,
      detail: [template.label, finding.note].filter(Boolean).join(' · '),
      picked: finding.isPlain,
      value: finding,
    }));
    const left = refused.length === 0 ? '' : ` Left out: ${refused.map(({ finding }) => finding.label).join(', ')}.`;
    const question = { title, placeholder: `Which of them shall be protected?${left}`, items };
    const wanted = await askChoices(question, position);
    return wanted === undefined || wanted === goBack ? wanted : { ...asked, wanted };
  };
}
