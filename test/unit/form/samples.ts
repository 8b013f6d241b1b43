import { applyChanges } from '../../../schemas/jsonEdits.ts';
import type { FormEdit, FormField } from '../../../schemas/form.ts';
import { parsePath, parseText, valueOf } from '../../../schemas/jsonText.ts';
import { isComment, tokensOf } from '../../../schemas/jsonTokens.ts';
import { changesOf } from '../../../extension/model/form/edits.ts';
import { fieldAt, formOf, noNames } from '../../../extension/model/form/fields.ts';
import type { FormFileKind, FormNames } from '../../../extension/model/form/fields.ts';

/** A module as an administrator has written it. */
export const moduleText = `{
  // the shop; ask Ada before you change it
  "name": "web",
  "hosts": ["alpha", "beta"], // alpha has the faster disk
  "mirror": {
    "directories": ["/srv/vm/web"],
    /* the log is big */ "exclude": ["*.log"]
  },
  "server": {
    "qemu": {
      "memory": "512MiB",
      "disks": [
        // system
        { "file": "disk.raw" },
        { "file": "data.qcow2", "format": "qcow2" } // data
      ]
    }
  },
  "checks": [{ "tcp": { "port": 80, "host": "10.0.0.50" }, "every": "5s" /* often */ }],
  "failover": { "detection": "3s" }
}
`;

export const clusterText = `{
  "name": "site",
  "networks": { "lan": {}, "link": { "replication": true } }, // link is a cable
  "hosts": {
    "alpha": { "lan": "10.77.0.1", "link": "10.78.0.1" },
    "beta": { "lan": "10.77.0.2", "link": "10.78.0.2" },
    // votes only
    "gamma": { "lan": "10.77.0.3" }
  },
  "arbiter": { "witness": "gamma" }
}
`;

export const kindOf = (text: string): FormFileKind => (text.includes('"networks": {') ? 'cluster' : 'module');

export function form(text: string, names: FormNames = noNames): FormField {
  return formOf({ kind: kindOf(text), text, root: parseText(text).root }, names);
}

export function field(text: string, path: string, names: FormNames = noNames): FormField {
  const found = fieldAt(form(text, names), parsePath(path));
  if (found === null) throw new Error(`There is no field ${path}.`);
  return found;
}

export function allFields(root: FormField): readonly FormField[] {
  return [root, ...root.fields.flatMap(allFields)];
}

/** The text after an edit; throws with the reason when it is refused. */
export function edited(text: string, action: FormEdit['action'], path: string, typed = ''): string {
  const edit = { action, path: parsePath(path), text: typed } as FormEdit;
  const outcome = changesOf({ kind: kindOf(text), version: 1, text }, { version: 1, edit });
  if ('refusal' in outcome) throw new Error(`${outcome.refusal}: ${outcome.reason}`);
  return applyChanges(text, outcome.changes);
}

export function commentsOf(text: string): readonly string[] {
  return [...tokensOf(text)].filter(isComment).map(({ start, end }) => text.slice(start, end));
}

export function valueIn(text: string): unknown {
  const { root, problems } = parseText(text);
  if (root === null || problems.length > 0) throw new Error(`not readable: ${text}`);
  return valueOf(root);
}
