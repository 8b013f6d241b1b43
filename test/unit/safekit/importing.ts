import { parseDocument } from '../../../schemas/document.ts';
import { resolveModule, type ResolvedModule } from '../../../schemas/defaults.ts';
import { inputFromFiles } from '../../../agent/safekit/archive/moduleInput.ts';
import { importModule, type ImportedModule, type ImportOptions } from '../../../agent/safekit/importModule.ts';

/** Imports a configuration, alone or with files of its module. */
export function imported(
  xml: string,
  files: Readonly<Record<string, string>> | null = null,
  options: Partial<ImportOptions> = {},
): ImportedModule {
  const configuration = Buffer.from(xml);
  const input =
    files === null
      ? { configuration, files: [] }
      : inputFromFiles(
          Object.entries({ ...files, 'conf/userconfig.xml': xml }).map(([path, text]) => ({
            path,
            bytes: Buffer.from(text),
          })),
        );
  return importModule(input, { source: 'web.safe', name: 'web', ...options });
}

/** A configuration of a mirror module with what is to be looked at. */
export function service(content: string, attributes = 'mode="mirror"'): string {
  return `<!DOCTYPE safe>\n<safe><service ${attributes}>${content}</service></safe>`;
}

export function textOf({ files }: ImportedModule, path: string): string {
  const file = files.find((each) => each.path === path);
  if (file === undefined) throw new Error(`There is no ${path}: ${files.map((each) => each.path).join(', ')}`);
  return Buffer.from(file.bytes).toString();
}

/** The module file with every default, as the agent reads it. */
export function moduleOf(result: ImportedModule): ResolvedModule {
  const file = `${result.name}.module.jsonc`;
  const { value, diagnostics } = parseDocument('module', textOf(result, file), file);
  if (value === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return resolveModule(value);
}

/** What was told of a part of the configuration: outcome and words. */
export function told({ report }: ImportedModule, path: string): string {
  const found = [...report.configuration, ...report.files].filter((finding) => finding.path === path);
  return found.map(({ outcome, says }) => `${outcome}: ${says}`).join('\n');
}
