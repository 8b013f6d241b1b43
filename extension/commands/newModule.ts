import * as vscode from 'vscode';
import { moduleTemplates } from '../../schemas/templates/moduleTemplates.ts';
import type { ModuleAnswers, ModuleTemplate, TemplateQuestion } from '../../schemas/templates/template.ts';
import { draftErrors, errorAt } from '../model/starting/moduleDraft.ts';
import { moduleNameOf } from '../../schemas/moduleName.ts';
import { pairsBySpread, possiblePairs, type Pair } from '../model/starting/hostSpread.ts';
import { goBack, runSteps, type Step } from '../model/starting/steps.ts';
import type { Surroundings } from '../model/starting/surroundings.ts';
import type { Services } from '../services.ts';
import { chooseClusterFolder, readSurroundings } from '../starting/clusterFolders.ts';
import { askHosts } from '../starting/hostsQuestion.ts';
import { askChoice, askText } from '../starting/quickInputs.ts';
import { writeNewFiles } from '../starting/writeFiles.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { logFailure, tellFailure } from './moduleActions.ts';

const title = 'New Module';

interface Asked extends ModuleAnswers {
  readonly template: ModuleTemplate;
  /** The directory was typed, and does not follow the name any more. */
  readonly hasOwnDirectory: boolean;
}

/** Asks for what a module needs, and writes its file and its scripts. @param target the cluster file that it was called on */
export async function newModuleCommand({ log }: Services, target?: TreeNode | vscode.Uri): Promise<void> {
  try {
    const folder = await chooseClusterFolder(title, target instanceof vscode.Uri ? target : null);
    if (folder === undefined) return;
    const around = await readSurroundings(folder);
    const pairs = around.cluster === null ? [] : possiblePairs(around.cluster);
    const [hosts] = pairsBySpread(
      pairs,
      around.modules.map(({ module }) => module),
    );
    if (hosts === undefined) {
      throw new Error(
        `Nothing was written: ${folder.cluster.file} has no two hosts that a module could have beside the witness.`,
      );
    }
    const [template] = moduleTemplates;
    if (template === undefined) return;
    const initial = {
      template,
      name: '',
      hosts,
      directory: '',
      hasOwnDirectory: false,
      virtualAddress: null,
      details: {},
    };
    const asked = await runSteps<Asked>(initial, (answers) => stepsFor(answers.template, pairs, around));
    if (asked === undefined) return;
    const files = asked.template.files(asked);
    const [error] = draftErrors({ template: asked.template, answers: asked }, around);
    if (error !== undefined) throw new Error(`Nothing was written: ${error.path}: ${error.message}`);
    await writeNewFiles(folder.uri, files, `Write the files of module ${asked.name}?`);
    void vscode.window.showInformationMessage(
      `${files[0].path} is written. What has to be done before the first start stands at its top.`,
    );
  } catch (error) {
    logFailure(error, log);
    tellFailure(error, log);
  }
}

function stepsFor(template: ModuleTemplate, pairs: readonly Pair[], around: Surroundings): readonly Step<Asked>[] {
  return [
    templateStep,
    nameStep(around),
    hostsStep(pairs, around),
    directoryStep(around),
    ...template.questions.map((question) => detailStep(question, around)),
    ...(template.takesAddress && around.cluster !== null ? [addressStep(around)] : []),
  ];
}

const templateStep: Step<Asked> = async (asked, position) => {
  const items = moduleTemplates.map((template) => ({
    label: template.label,
    detail: template.detail,
    value: template,
  }));
  const template = await askChoice(
    {
      title,
      placeholder: 'What shall the module keep running?',
      items,
      active: items.find(({ value }) => value === asked.template),
    },
    position,
  );
  if (template === undefined || template === goBack) return template;
  return template === asked.template ? asked : { ...asked, template, details: {}, virtualAddress: null };
};

/** What the validators say of the answers, with what the later steps propose for those that were not given yet. */
function errorOf(asked: Asked, path: string, around: Surroundings): string | null {
  const complete = { ...asked, directory: asked.directory === '' ? proposedDirectory(asked) : asked.directory };
  return errorAt(path, draftErrors({ template: asked.template, answers: complete }, around));
}

function nameStep(around: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const taken = new Set(around.modules.map(({ module }) => module.name));
    const name = await askText(
      {
        title: `${title}: name`,
        prompt: 'Name of the module, unique in the cluster',
        value: asked.name === '' ? moduleNameOf('web', taken) : asked.name,
        check: (text) => errorOf({ ...asked, name: text }, 'name', around),
      },
      position,
    );
    return typeof name === 'string' ? { ...asked, name } : name;
  };
}

function hostsStep(pairs: readonly Pair[], around: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const modules = around.modules.map(({ module }) => module);
    const hosts = await askHosts(`${title}: hosts`, pairsBySpread(pairs, modules), modules, asked.hosts, position);
    return hosts === undefined || hosts === goBack ? hosts : { ...asked, hosts };
  };
}

function proposedDirectory({ template, name }: Asked): string {
  return template.takesAddress ? `/srv/${name}` : `/srv/vm/${name}`;
}

function directoryStep(around: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const directory = await askText(
      {
        title: `${title}: directory`,
        prompt:
          'Directory that is mirrored, the same path on both hosts: everything in it is copied, nothing outside of it',
        value: asked.hasOwnDirectory ? asked.directory : proposedDirectory(asked),
        check: (text) => errorOf({ ...asked, directory: text }, 'mirror.directories', around),
      },
      position,
    );
    if (typeof directory !== 'string') return directory;
    return { ...asked, directory, hasOwnDirectory: directory !== proposedDirectory(asked) };
  };
}

function detailStep(question: TemplateQuestion, around: Surroundings): Step<Asked> {
  const { key, path } = question;
  return async (asked, position) => {
    const withAnswer = (answer: string): Asked => ({ ...asked, details: { ...asked.details, [key]: answer } });
    const answer = await askText(
      {
        title: `${title}: ${question.title}`,
        prompt: question.prompt,
        value: asked.details[key] ?? question.proposal(asked),
        check: (text) => question.check?.(text) ?? (path === null ? null : errorOf(withAnswer(text), path, around)),
      },
      position,
    );
    return typeof answer === 'string' ? withAnswer(answer) : answer;
  };
}

/** On the first network that both hosts are on; another one can be written into the file. */
function addressStep(around: Surroundings): Step<Asked> {
  return async (asked, position) => {
    const pair = around.cluster?.hosts.filter(({ name }) => asked.hosts.includes(name)) ?? [];
    const common = (around.cluster?.networks ?? []).find(({ name }) =>
      pair.every(({ addresses }) => addresses.some(({ network }) => network === name)),
    );
    const network = common?.name ?? '';
    const of = (address: string): Asked['virtualAddress'] => (address === '' ? null : { address, network });
    const address = await askText(
      {
        title: `${title}: address`,
        prompt: `An address on ${network} by which clients reach it, and which moves with it, such as 10.0.0.100/24. Empty: none.`,
        value: asked.virtualAddress?.address ?? '',
        check: (text) =>
          text === '' ? null : errorOf({ ...asked, virtualAddress: of(text) }, 'virtualAddresses', around),
      },
      position,
    );
    return typeof address === 'string' ? { ...asked, virtualAddress: of(address) } : address;
  };
}
