import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import type { TemplateFile } from '../../schemas/templates/template.ts';
import { kindOfFile } from '../../schemas/document.ts';
import { messageOf } from '../client/errors.ts';
import { confirm } from '../commands/moduleActions.ts';
import { setReached } from '../contextKeys.ts';

/** More are not listed one by one in a question. */
const mostListed = 16;

/**
 * Writes new files after a confirmation that names them, and opens the first one. A file that is there already is never overwritten: then
 * nothing is written. Rejects with a CancelledError when the person decides otherwise.
 */
export async function writeNewFiles(
  folder: vscode.Uri,
  files: readonly TemplateFile[],
  question: string,
): Promise<void> {
  const targets = files.map((file) => ({ ...file, uri: targetOf(folder, file.path) }));
  const present = await presentAmong(targets.map(({ uri }) => uri));
  if (present.length > 0) {
    const names = present.map((uri) => vscode.workspace.asRelativePath(uri)).join(', ');
    throw new Error(`Nothing was written: ${names} is there already.`);
  }
  const listed = files.slice(0, mostListed).map(({ path }) => path);
  const rest = files.length - listed.length;
  const detail = [
    `Written below ${folder.fsPath}:`,
    '',
    ...listed,
    ...(rest > 0 ? [`and ${String(rest)} more`] : []),
    '',
    'Nothing is overwritten, and nothing is applied to a cluster.',
  ];
  await confirm(question, detail.join('\n'), files.length === 1 ? 'Write File' : 'Write Files');
  const written: string[] = [];
  try {
    for (const { uri, text, executable, path } of targets) {
      await writeNew(uri, text, executable);
      written.push(path);
    }
  } catch (error) {
    const done = written.length === 0 ? 'Nothing was written' : `Only ${written.join(', ')} was written`;
    throw new Error(`${done}: ${messageOf(error)}`, { cause: error });
  }
  if (files.some(({ path }) => kindOfFile(path) === 'module')) setReached('hasWrittenModule');
  const [first] = targets;
  if (first !== undefined) await vscode.window.showTextDocument(first.uri, { preview: false });
}

/** The place of a file below its folder; a path that leads elsewhere is an error of whoever made it. */
function targetOf(folder: vscode.Uri, path: string): vscode.Uri {
  if (path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new Error(`"${path}" does not stay below its folder.`);
  }
  return vscode.Uri.joinPath(folder, path);
}

async function presentAmong(uris: readonly vscode.Uri[]): Promise<readonly vscode.Uri[]> {
  const found = await Promise.all(
    uris.map(async (uri) => {
      try {
        await vscode.workspace.fs.stat(uri);
        return uri;
      } catch {
        return null;
      }
    }),
  );
  return found.filter((uri) => uri !== null);
}

async function writeNew(uri: vscode.Uri, text: string, executable: boolean): Promise<void> {
  if (uri.scheme === 'file') {
    await mkdir(dirname(uri.fsPath), { recursive: true });
    // Exclusively: one that has come since the question stays as it is.
    await writeFile(uri.fsPath, text, { flag: 'wx', mode: executable ? 0o755 : 0o644 });
    return;
  }
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(uri, { overwrite: false, ignoreIfExists: false, contents: new TextEncoder().encode(text) });
  if (!(await vscode.workspace.applyEdit(edit))) throw new Error(`${uri.path} could not be made.`);
}
