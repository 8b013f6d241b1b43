/** What the import program said: a module, perhaps written already, or why there is none. */
export type ImportAnswer =
  | {
      readonly kind: 'imported';
      readonly name: string;
      /** The folder that was written to; null: nothing was written. */
      readonly folder: string | null;
      /** Paths of the module's files below that folder. */
      readonly files: readonly string[];
      /** Why there is no module to be made of it; null: there is one. */
      readonly impossible: string | null;
      /** How many steps are left to a person. */
      readonly stepsLeft: number;
      /** Markdown. */
      readonly report: string;
    }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly reason: string;
      /** With the code EXISTS: files that are there already. */
      readonly existing: readonly string[];
    };

/** Reads what the program printed; null: it is no such answer. */
export function parseImportAnswer(text: string): ImportAnswer | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const { error, name, folder, files, report, reportText } = value;
  if (isObject(error)) {
    const { code, reason, numbers } = error;
    if (typeof code !== 'string' || typeof reason !== 'string') return null;
    const existing = isObject(numbers) ? texts(numbers['existing']) : [];
    return { kind: 'refused', code, reason, existing };
  }
  if (typeof name !== 'string' || typeof reportText !== 'string' || !Array.isArray(files) || !isObject(report)) {
    return null;
  }
  const { impossible, toDo } = report;
  return {
    kind: 'imported',
    name,
    folder: typeof folder === 'string' ? folder : null,
    files: texts((files as unknown[]).map((file) => (isObject(file) ? file['path'] : null))),
    impossible: typeof impossible === 'string' ? impossible : null,
    stepsLeft: Array.isArray(toDo) ? toDo.length : 0,
    report: reportText,
  };
}

/** A list for a dialog: the first ones, and how many more there are. */
export function listed(lines: readonly string[], most = 20): string {
  const more = lines.length - most;
  return [...lines.slice(0, most), ...(more > 0 ? [`and ${String(more)} more`] : [])].join('\n');
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as unknown[]).filter((each): each is string => typeof each === 'string') : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
