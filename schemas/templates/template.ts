/** A file that a template writes. */
export interface TemplateFile {
  /** Relative to the folder of the cluster file, with slashes: `modules/web.module.jsonc`. */
  readonly path: string;
  readonly text: string;
  /** Whether it has to be executable (mode 0755). */
  readonly executable: boolean;
}

/** What the file of every module says. */
export interface ModuleBasics {
  readonly name: string;
  /** In order of preference. */
  readonly hosts: readonly [string, string];
  /** The mirrored directory, absolute. */
  readonly directory: string;
}

export interface ModuleAnswers extends ModuleBasics {
  /** An address that moves with the module, such as `10.0.0.100/24`, and the network it is set on; null: none. */
  readonly virtualAddress: { readonly address: string; readonly network: string } | null;
  /** Answers to the template's own questions by their keys; what is missing is as proposed. */
  readonly details: Readonly<Record<string, string>>;
}

/** Something that a template has to know beside the basics. */
export interface TemplateQuestion {
  readonly key: string;
  readonly title: string;
  /** What is asked, and what an empty answer means where it may be empty. */
  readonly prompt: string;
  readonly proposal: (basics: ModuleBasics) => string;
  /** Key of the module file that the answer stands below, such as `server.qemu.memory`; null: only the scripts have it. */
  readonly path: string | null;
  /** What is wrong with an answer that the module file cannot tell of; null: nothing is. */
  readonly check?: (answer: string) => string | null;
}

export type TemplateId = 'qemu' | 'libvirt' | 'hyperv' | 'vmware' | 'postgresql' | 'webApplication' | 'script';

/** Writes the file of one module, and the scripts that it names. Pure: the same answers give the same files. */
export interface ModuleTemplate {
  readonly id: TemplateId;
  readonly label: string;
  /** One sentence: what runs how, and what has to be there. */
  readonly detail: string;
  readonly questions: readonly TemplateQuestion[];
  /** Whether clients reach the server by an address of the module. A virtual machine has its own. */
  readonly takesAddress: boolean;
  /** The module file comes first. Wrong answers give a file that `parseDocument` refuses, never text of another meaning. */
  readonly files: (answers: ModuleAnswers) => readonly [TemplateFile, ...TemplateFile[]];
}

/** Where the scripts of modules lie on the hosts, each module's in a folder of its own. */
export const scriptsFolder = '/etc/understudy/scripts';

/** Path of a module's file, as in {@link TemplateFile}. */
export function modulePath(name: string): string {
  return `modules/${name}.module.jsonc`;
}

/** The answer to a question, as proposed where there is none. */
export function answerOf(questions: readonly TemplateQuestion[], answers: ModuleAnswers, key: string): string {
  const proposed = questions.find((question) => question.key === key)?.proposal(answers) ?? '';
  return answers.details[key] ?? proposed;
}

/** For the check of an answer: refuses what could not stand on one line of a script. */
export function plainLine(answer: string): string | null {
  if (answer.trim() === '') return 'It must not be empty.';
  return hasControlCharacter(answer) ? 'One line of plain characters is expected.' : null;
}

export function hasControlCharacter(text: string): boolean {
  // Also the separators of lines and paragraphs, which end a line for some programs.
  return /[\p{Cc}\u2028\u2029]/u.test(text);
}
