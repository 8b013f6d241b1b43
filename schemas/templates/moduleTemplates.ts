import { hyperv } from './hyperv.ts';
import { libvirt } from './libvirt.ts';
import { plainScript } from './plainScript.ts';
import { postgresql } from './postgresql.ts';
import { qemu } from './qemu.ts';
import type { ModuleTemplate, TemplateId } from './template.ts';
import { vmware } from './vmware.ts';
import { webApplication } from './webApplication.ts';

/** In the order in which they are offered. */
export const moduleTemplates: readonly ModuleTemplate[] = [
  qemu,
  libvirt,
  vmware,
  hyperv,
  postgresql,
  webApplication,
  plainScript,
];

const byId = new Map(moduleTemplates.map((template) => [template.id, template]));

export function templateOf(id: TemplateId): ModuleTemplate {
  const template = byId.get(id);
  if (template === undefined) throw new Error(`There is no template ${id}.`);
  return template;
}
