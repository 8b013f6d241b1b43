/** The lab itself could not do what was asked of it; says why and, where it can, what to do. */
export class LabError extends Error {
  override readonly name = 'LabError';
}
