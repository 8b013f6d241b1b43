import type { Draft } from '../draft.ts';
import { environmentText, functionsText, standInText } from './common.ts';
import { afterChangeText, afterStopText, afterWaitText, beforePrimaryText } from './hookScripts.ts';
import { isForWindows, type KeptFile } from './moduleScripts.ts';
import { customCheckText, emptyText, serviceTexts, startText, stopText } from './serverScripts.ts';

/** A script or another file beside the module file. */
export interface ScriptFile {
  /** Below the folder of the scripts. */
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly isProgram: boolean;
}

/** The scripts of the imported module, and what the module file says of them. */
export interface ScriptPlan {
  readonly files: readonly ScriptFile[];
  readonly startFrom: string;
  readonly stopFrom: string;
  readonly hasCheck: boolean;
  /** Milliseconds; null: the default. */
  readonly timeout: number | null;
  readonly timeoutFrom: string;
  /** Hooks that are there, each with its script. */
  readonly hooks: readonly {
    readonly name: 'beforePrimary' | 'afterChange' | 'afterWait' | 'afterStop';
    readonly file: string;
  }[];
  readonly hooksTimeout: number | null;
}

/** @param kept the module's own files @param isComplete false: only its configuration is known */
export function planScripts(draft: Draft, kept: readonly KeptFile[], isComplete: boolean): ScriptPlan {
  const has = (name: string): boolean => draft.runsScripts && kept.some(({ path }) => path === `bin/${name}`);
  const file = (path: string, content: string, isProgram = true): ScriptFile => ({ path, content, isProgram });
  const files: ScriptFile[] = kept.map(({ path, bytes, isProgram }) => ({ path, content: bytes, isProgram }));
  const services = servicesOf(draft, kept);
  const hasStart = has('start_prim') || has('start_both');
  const hasStop = has('stop_prim') || has('stop_both');
  const runsServices = !hasStart && !hasStop && services !== null;
  const stopTime = draft.niceStopMs + draft.forceStopMs + 10_000;
  const countOf = (...names: readonly string[]): number => names.filter(has).length;

  const { hooks, hookFiles } = planHooks(draft, has);
  const stopsBeside = hooks.length === 0 ? 0 : countOf('stop_sec', 'stop_second', 'stop_both');
  const needsCommon = hasStart || hasStop || hooks.length > 0 || draft.customChecks.length > 0;
  files.push(file('environment', environmentText(draft), false));
  if (needsCommon) {
    files.push(file('functions', functionsText(draft), false), file('safekit', standInText));
    if (!kept.some(({ path }) => path.startsWith('bin/'))) {
      files.push(file('bin/README', 'The programs of the module belong here, such as its checkers.\n', false));
    }
  }
  if (runsServices) {
    const texts = serviceTexts(services);
    files.push(file('start', texts.start), file('stop', texts.stop), file('check', texts.check));
    if (!isComplete) {
      draft.todo(
        'The scripts "start", "stop" and "check" were made of the variable SERVICES. If the module has scripts of its own that do more, import its folder or its .safe file instead: they are not in userconfig.xml.',
      );
    }
  } else {
    files.push(
      file('start', hasStart ? startText : emptyText('start')),
      file('stop', hasStop ? stopText : emptyText('stop')),
    );
    tellOfMissing(draft, kept, { hasStart, hasStop, isComplete });
  }
  for (const check of draft.customChecks) files.push(file(`checks/${check.file}`, customCheckText(check)));
  files.push(...hookFiles);
  const generated = runsServices ? 'generated: the services of the variable SERVICES' : null;
  return {
    files,
    startFrom: generated ?? (hasStart ? 'bin/start_prim of the module' : 'FILL IN: the script is empty'),
    stopFrom: generated ?? (hasStop ? 'bin/stop_prim of the module' : 'FILL IN: the script is empty'),
    hasCheck: runsServices,
    timeout: hasStop ? stopTime * countOf('stop_prim', 'stop_both', 'stop_sec', 'stop_second') : null,
    timeoutFrom: `nicestoptimeout and forcestoptimeout of <user>, and ten seconds, for each stop script (${draft.stopTimesFrom})`,
    hooks,
    hooksTimeout: stopsBeside > 0 ? stopTime * stopsBeside : null,
  };
}

function planHooks(draft: Draft, has: (name: string) => boolean) {
  const hooks: ScriptPlan['hooks'][number][] = [];
  const hookFiles: ScriptFile[] = [];
  const add = (name: ScriptPlan['hooks'][number]['name'], path: string, content: string): void => {
    hooks.push({ name, file: path });
    hookFiles.push({ path, content, isProgram: true });
  };
  const hasSecond = has('start_second') || has('stop_second');
  // What runs on both hosts would not run on a secondary otherwise.
  const runsBeside = hasSecond || ['start_sec', 'stop_sec', 'start_both'].some(has);
  if (draft.required.length > 0 || hasSecond) {
    add('beforePrimary', 'hooks/before-primary', beforePrimaryText(draft.required, hasSecond));
  }
  if (runsBeside || has('transition')) add('afterChange', 'hooks/after-change', afterChangeText);
  if (runsBeside) add('afterWait', 'hooks/after-wait', afterWaitText);
  if (has('poststop')) add('afterStop', 'hooks/after-stop', afterStopText);
  return { hooks, hookFiles };
}

/** Names of services that the module's templates start by a variable; null: it names none that could be services of Linux. */
function servicesOf({ variables, runsScripts, isWindows }: Draft, kept: readonly KeptFile[]): readonly string[] | null {
  if (isWindows || kept.some(({ path }) => path.startsWith('bin/') && isForWindows(path))) return null;
  const value = runsScripts ? variables.find(({ name }) => name === 'SERVICES')?.value : undefined;
  const names = (value ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const areServices = names.every((name) => /^[A-Za-z0-9@._:][A-Za-z0-9@._:-]{0,199}$/.test(name));
  return names.length > 0 && areServices ? names : null;
}

interface Found {
  readonly hasStart: boolean;
  readonly hasStop: boolean;
  readonly isComplete: boolean;
}

function tellOfMissing(draft: Draft, kept: readonly KeptFile[], { hasStart, hasStop, isComplete }: Found): void {
  if (hasStart && hasStop) {
    draft.todo(
      'Complete the script "stop": it has to end with a code other than 0 while anything of the server runs. SafeKit did not look at that, and scripts that were written for it do not tell; the other host starts the server when it has ended with 0.',
    );
    return;
  }
  const which =
    !hasStart && !hasStop ? 'the scripts "start" and "stop"' : hasStart ? 'the script "stop"' : 'the script "start"';
  if (!draft.runsScripts) {
    draft.todo(`Write ${which}: the configuration has no <user>, so SafeKit ran no script of the module.`);
  } else if (!isComplete) {
    draft.todo(
      `Write ${which}, or import the module's folder or its .safe file instead: scripts are not in userconfig.xml.`,
    );
  } else if (kept.some(({ path }) => path.startsWith('bin/') && isForWindows(path))) {
    draft.todo(`Write ${which}: those of the module are for Windows.`);
  } else {
    draft.todo(`Write ${which}: the module holds none.`);
  }
  if (draft.variables.some(({ name }) => name === 'VM_NAME')) {
    draft.todo(
      'It is the module of a virtual machine. Instead of scripts, "server": { "qemu": … } runs one by QEMU itself, with memory, disks and networks as they are in its definition (virsh dumpxml).',
    );
  }
}
