import { checkExclude } from '../../../schemas/checks/excludeChecks.ts';
import { isWithin, normalDirectory } from '../../../schemas/checks/directories.ts';
import { attributeOf, type Attribute, type Element } from '../xml/tree.ts';
import { from, noteOdd, type Rule, type RuleContext } from './rule.ts';

const mostDirectories = 31;
/** Where agents and imported scripts have their own files: mirrored, they would come and go with the module. */
const reserved: readonly string[] = ['/etc/understudy', '/var/lib/understudy', '/run'];

/** `<rfs>`: replication. */
export const rfsRule: Rule = (element, context) => {
  const { draft, findings } = context;
  findings.note(element, 'translated', 'Every mirrored directory is replicated write by write: "mirror".');
  const async = attributeOf(element, 'async');
  if (async?.value === 'none') {
    findings.note(
      async,
      'translated',
      'Both hosts hold what a server was told to be durable: always, there is nothing to set.',
    );
  } else if (async?.value === 'second') {
    const stricter = 'Understudy is stricter: what a server was told to be durable is durable on both hosts.';
    findings.note(async, 'translated', `The secondary of SafeKit acknowledges before its disk has it. ${stricter}`);
  } else if (async !== undefined) noteOdd(context, async, 'second or none', 'Replication is synchronous.');
  const scripts = attributeOf(element, 'scripts');
  if (scripts?.value === 'off') findings.note(scripts, 'taken', 'No programs are run for replication.');
  else if (scripts !== undefined) {
    const instead = 'If _rfs_… scripts have to do something, use the hooks (afterSecondary, afterChange).';
    findings.note(scripts, 'unsupported', `No programs are run for steps of replication. ${instead}`);
  }
  const delta = attributeOf(element, 'syncdelta');
  if (delta !== undefined) {
    const isNone = /^0+\s*[a-z]*$/.test(delta.value);
    const instead =
      'An operator who accepts the loss says `understudy force-primary`; what the other host had is kept aside.';
    findings.note(
      delta,
      isNone ? 'taken' : 'unsupported',
      `A host without the newest data never starts by itself. ${instead}`,
    );
  }
  const bandwidth = attributeOf(element, 'reiallowedbw');
  if (bandwidth !== undefined) {
    if (/^[1-9][0-9]{0,6}$/.test(bandwidth.value)) {
      draft.bandwidth = { value: `${bandwidth.value}KiB/s`, from: from(bandwidth) };
      findings.note(
        bandwidth,
        'translated',
        `"resync.bandwidth": "${draft.bandwidth.value}" (SafeKit counts in KB/s).`,
      );
    } else {
      noteOdd(context, bandwidth, 'a number of KB/s', 'A resync takes what the server leaves ("adaptive").');
    }
  }
};

/** `<replicated>`: a mirrored directory. */
export const replicatedRule: Rule = (element, context) => {
  const { draft, findings } = context;
  const dir = attributeOf(element, 'dir');
  const mode = attributeOf(element, 'mode');
  if (mode?.value === 'read_only' || mode?.value === '') {
    const noticed =
      'nobody is to write in the directory of the secondary; what is changed there all the same is overwritten at the latest when `understudy verify --repair` finds it.';
    findings.note(mode, 'translated', `There is nothing to set: ${noticed}`);
  } else if (mode !== undefined) noteOdd(context, mode, 'read_only', 'Nothing was done with it.');
  const refused = whyNot(dir, context);
  if (refused !== null || dir === undefined) {
    findings.note(element, 'unsupported', 'It was left out. See its attributes.');
    findings.note(dir, 'unsupported', refused ?? '');
    for (const child of element.children) {
      for (const each of [child, ...child.attributes]) {
        findings.note(each, 'unsupported', 'Its directory was left out.');
      }
    }
    return;
  }
  const directory = normalDirectory(dir.value);
  draft.directories.push({ value: directory, from: from(dir) });
  findings.note(element, 'translated', 'One of "mirror.directories".');
  findings.note(dir, 'taken', `"${directory}" in "mirror.directories".`);
  for (const child of element.children) {
    if (child.name === 'notreplicated') readExclusion(child, directory, context);
    if (child.name === 'tocheck') readRequired(child, directory, context);
  }
};

/** Why a directory cannot be mirrored; null: it can be. */
function whyNot(dir: Attribute | undefined, { draft }: RuleContext): string | null {
  const path = dir?.value ?? '';
  if (path === '') return 'It is empty: the directory is for you to fill in ("mirror.directories").';
  if (/^[A-Za-z]:|\\/.test(path)) {
    draft.isWindows = true;
    return 'It is a directory of Windows. Understudy\'s hosts run Linux: put in where the data lie there ("mirror.directories").';
  }
  if (!path.startsWith('/') || path.startsWith('//')) {
    return 'It is no absolute path. Put it into "mirror.directories" as one.';
  }
  if (/[\p{Cc}]/u.test(path)) return 'It has control characters.';
  const segments = path.split('/');
  const directory = normalDirectory(path);
  if (directory === '/' || segments.includes('..') || segments.includes('.')) {
    return 'It cannot be mirrored: a directory of its own is needed, without "." and ".." in its path.';
  }
  if (reserved.some((own) => isWithin(directory, own) || isWithin(own, directory))) {
    return 'Files of the agent lie there, which must not be mirrored: move the data to a directory of their own.';
  }
  const other = draft.directories.find(({ value }) => isWithin(directory, value) || isWithin(value, directory));
  if (other !== undefined) return `It shares files with ${other.value}, which is mirrored already.`;
  return draft.directories.length >= mostDirectories
    ? `A module mirrors at most ${String(mostDirectories)} directories.`
    : null;
}

/** `<notreplicated>`: what stays on its host. */
function readExclusion(element: Element, directory: string, context: RuleContext): void {
  const { draft, findings, later } = context;
  const path = attributeOf(element, 'path');
  const regular = attributeOf(element, 'regexpath');
  const left = 'It was left out: it is replicated. Write a glob into "mirror.exclude", such as "/tmp" or "*.tmp".';
  findings.note(element, 'unsupported', left);
  /** A glob holds for every directory: what only one of them excludes may be what another one is there for. */
  const settle = (attribute: Attribute, glob: string, stated: ReadonlySet<string>): void => {
    const others = draft.directories.filter(({ value }) => !stated.has(value)).map(({ value }) => value);
    if (others.length > 0) {
      const where = others.join(', ');
      const says = `It was left out: it is replicated. "${glob}" in "mirror.exclude" would hold for ${where}, too.`;
      findings.note(element, 'unsupported', says);
      findings.note(attribute, 'unsupported', says);
      draft.todo(
        `Put "${glob}" into "mirror.exclude" if it may hold for ${where}, too; without it ${attribute.path} is replicated.`,
      );
      return;
    }
    if (!draft.exclude.some(({ value }) => value === glob)) draft.exclude.push({ value: glob, from: from(attribute) });
    findings.note(element, 'translated', 'One of "mirror.exclude", which holds for every mirrored directory.');
    findings.note(attribute, 'translated', `"${glob}" in "mirror.exclude".`);
  };
  const take = (attribute: Attribute, glob: string | null): void => {
    const directories = draft.directories.map(({ value }) => value);
    if (glob === null || [...checkExclude([glob], directories)].length > 0) {
      findings.note(attribute, 'unsupported', left);
      draft.todo(
        `Write a glob in "mirror.exclude" for ${attribute.path} ("${attribute.value}"), or accept that it is replicated.`,
      );
      return;
    }
    const stated = draft.exclusions.get(glob) ?? new Set<string>();
    draft.exclusions.set(glob, stated.add(directory));
    later(() => settle(attribute, glob, stated));
  };
  // When all directories, and then all that is stated of them, are known.
  later(() => {
    if (path !== undefined) take(path, globOfPath(path.value, directory));
    if (regular !== undefined) take(regular, globOfExpression(regular.value));
  });
}

/** A path within the directory as a glob that matches nothing else. */
function globOfPath(path: string, directory: string): string | null {
  if (path === '' || /[\\\p{Cc}]/u.test(path)) return null;
  const isInside = path.startsWith('/') && isWithin(path, directory);
  if (path.startsWith('/') && !isInside) return null;
  const relative = isInside ? normalDirectory(path).slice(directory.length) : normalDirectory(path);
  return relative === '' || relative === '/' ? null : relative.replace(/[*?[]/g, '[$&]');
}

/** Only the simplest of regular expressions, "everything that ends so", is surely the same as a glob. */
function globOfExpression(expression: string): string | null {
  const ending = /^\^?\.\*\\\.([A-Za-z0-9_-]+)\$$/.exec(expression)?.[1];
  return ending === undefined ? null : `*.${ending}`;
}

/** `<tocheck>`: a file without which the module is not to start. */
function readRequired(element: Element, directory: string, context: RuleContext): void {
  const { draft, findings } = context;
  const path = attributeOf(element, 'path');
  if (path === undefined || path.value === '' || /[\\\p{Cc}]/u.test(path.value)) {
    findings.note(element, 'unsupported', 'It names no file.');
    return;
  }
  const file = path.value.startsWith('/') ? path.value : `${directory}/${path.value}`;
  if (!draft.required.includes(file)) draft.required.push(file);
  const how = 'The hook beforePrimary looks for it, and keeps the server from being started without it (exit code 78).';
  findings.note(element, 'translated', how);
  findings.note(path, 'translated', how);
}
