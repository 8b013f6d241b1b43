/** Virtual servers that are found on a host, and modules proposed for them. Pure: what was read comes in, proposals go out. */
import { moduleNameOf } from '../../../schemas/moduleName.ts';
import type { TemplateId } from '../../../schemas/templates/template.ts';

/** A virtual server that a module could protect. */
export interface Finding {
  /** As it is called where it was found. */
  readonly label: string;
  readonly template: TemplateId;
  readonly directory: string;
  readonly details: Readonly<Record<string, string>>;
  /** What a person should know of it before; null: nothing. */
  readonly note: string | null;
  /** Whether it is well protected as it is proposed, so that nobody has to look at it first. */
  readonly isPlain: boolean;
}

/** A disk of a domain. */
export interface FoundDisk {
  /** A file, a device, or what a storage calls it. */
  readonly source: string;
  readonly isFile: boolean;
}

/** Where virtual servers are proposed to be when they are at no place that could be mirrored by itself. */
const usualFolder = '/srv/vm';

/** Domains by their names, from `virsh list --all --name`. */
export function domainsOf(output: string): readonly string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Disks, from `virsh domblklist DOMAIN --details`; media that can be taken out are left away. */
export function disksOf(output: string): readonly FoundDisk[] {
  return output.split('\n').flatMap((line) => {
    const [, type, device, source] = /^\s*(\S+)\s+(\S+)\s+\S+\s+(\S.*?)\s*$/.exec(line) ?? [];
    if (source === undefined || source === '-' || (device !== 'disk' && device !== 'lun')) return [];
    return [{ source, isFile: type === 'file' && source.startsWith('/') }];
  });
}

/** @param disks of each domain. */
export function findingsOfDomains(disks: ReadonlyMap<string, readonly FoundDisk[]>): readonly Finding[] {
  const foldersOf = new Map(
    [...disks].map(([domain, all]) => {
      const files = all.filter(({ isFile }) => isFile);
      return [domain, new Set(files.map(({ source }) => folderOf(source)))];
    }),
  );
  return [...disks].map(([domain, all]) => {
    const own = [...(foldersOf.get(domain) ?? [])];
    const [folder] = own;
    const isShared = [...foldersOf].some(
      ([other, folders]) => other !== domain && [...folders].some((each) => own.some((mine) => meet(each, mine))),
    );
    const fits = folder !== undefined && own.length === 1 && !isShared && !isOfSystem(folder);
    const directory = fits ? folder : `${usualFolder}/${moduleNameOf(domain)}`;
    const devices = all.filter(({ isFile }) => !isFile).map(({ source }) => source);
    const notes = [
      ...(fits ? [] : [`its disks have to be moved to ${directory}`]),
      ...(devices.length === 0
        ? []
        : [`${devices.join(', ')} is no file, and not mirrored before it is made one in ${directory}`]),
    ];
    return {
      label: domain,
      template: 'libvirt',
      directory,
      details: { domain },
      note: notes.length === 0 ? null : notes.join('; '),
      isPlain: devices.length === 0,
    };
  });
}

/** Whether a folder holds more than one server's files: libvirt's own, and those right below the root. */
function isOfSystem(folder: string): boolean {
  return folder === '/var/lib/libvirt/images' || folder.split('/').length <= 2;
}

/** @param folders below one folder, by their absolute paths: the names of what lies in each. */
export function findingsOfFolders(folders: ReadonlyMap<string, readonly string[]>): readonly Finding[] {
  return [...folders].map(([directory, names]) => {
    const label = directory.slice(directory.lastIndexOf('/') + 1);
    const of = (template: TemplateId, details: Finding['details'], note: string | null = null): Finding => {
      // Where no disk was found it may be anything.
      return { label, template, directory, details, note, isPlain: template !== 'script' };
    };
    const vmx = names.find((name) => name.endsWith('.vmx'));
    if (vmx !== undefined) return of('vmware', { vmx });
    if (names.includes('domain.xml')) return of('libvirt', { domain: label });
    const images = names.filter((name) => /\.(qcow2|raw|img)$/.test(name)).sort();
    const [disk] = images;
    if (disk === undefined) return of('script', {}, 'no disk of a virtual machine in it: a program is proposed');
    return of(
      'qemu',
      { disk },
      images.length === 1 ? null : `has ${String(images.length)} disks: add the others to its file`,
    );
  });
}

function folderOf(file: string): string {
  return file.slice(0, Math.max(1, file.lastIndexOf('/')));
}

function meet(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}
