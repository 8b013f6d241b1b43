/** What every refused or failed call of a mirror rejects with: a code for programs, one sentence for people. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError';
  constructor(
    /** Stable, kebab-case: "directory-missing", "already-mirrored", "wrong-state", … */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The code and message of anything that was thrown. */
export function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof MirrorError) return { code: error.code, message: error.message };
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    return { code: typeof code === 'string' ? code : 'internal', message: error.message };
  }
  return { code: 'internal', message: String(error) };
}
