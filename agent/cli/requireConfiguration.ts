import { formatDiagnostic } from '../../schemas/diagnostic.ts';
import { loadConfiguration } from '../config/configuration.ts';
import type { Configuration } from '../config/configuration.ts';
import { CliError, exitCodes } from './exitCodes.ts';

/** The configuration of this host. Broken module files do not matter to the command line. */
export async function requireConfiguration(directory: string): Promise<Configuration> {
  const loaded = await loadConfiguration(directory);
  if (loaded.ok) return loaded.configuration;
  const errors = loaded.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  const isUnreadable = errors.every((diagnostic) => diagnostic.code === 'unreadable');
  const lines = errors.map((diagnostic) =>
    diagnostic.code === 'unreadable' ? `${diagnostic.message}.` : formatDiagnostic(diagnostic),
  );
  throw new CliError(isUnreadable ? exitCodes.usage : exitCodes.invalid, 'CONFIGURATION', lines.join('\n'), {
    diagnostics: errors,
  });
}
