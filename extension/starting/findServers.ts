import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import {
  disksOf,
  domainsOf,
  findingsOfDomains,
  findingsOfFolders,
  type Finding,
  type FoundDisk,
} from '../model/starting/findings.ts';
import { entriesOf } from '../readFiles.ts';

/** More folders than this below one folder are not virtual servers. */
const mostFolders = 200;

/** libvirt answers at once or not at all. Milliseconds. */
const patience = 10_000;

async function virsh(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C' };
  const options = { env, timeout: patience, maxBuffer: 4 << 20 };
  const { stdout } = await promisify(execFile)('virsh', ['--connect', 'qemu:///system', ...args], options);
  return stdout;
}

/** The domains that libvirt knows on the machine that the editor works on; null when there is no libvirt, or it does not answer. */
export async function findDomains(): Promise<readonly Finding[] | null> {
  let names: readonly string[];
  try {
    names = domainsOf(await virsh('list', '--all', '--name'));
  } catch {
    return null;
  }
  const disks = new Map<string, readonly FoundDisk[]>();
  for (const name of names) {
    // A domain that is removed meanwhile has no disks.
    const output = await virsh('domblklist', '--details', '--domain', name).catch(() => '');
    disks.set(name, disksOf(output));
  }
  return findingsOfDomains(disks);
}

/** A virtual server for each folder below `folder`. */
export async function findFolders(folder: vscode.Uri): Promise<readonly Finding[]> {
  const names = (await entriesOf(folder))
    .filter(
      ([name, type]) => (type & vscode.FileType.Directory) !== 0 && !name.startsWith('.') && name !== 'lost+found',
    )
    .map(([name]) => name)
    .sort()
    .slice(0, mostFolders);
  const folders = new Map<string, readonly string[]>();
  for (const name of names) {
    const uri = vscode.Uri.joinPath(folder, name);
    folders.set(
      uri.path,
      (await entriesOf(uri)).map(([entry]) => entry),
    );
  }
  return findingsOfFolders(folders);
}
