/** The power is lost in the middle of something: what was to follow never happens. */
export class PowerLoss extends Error {
  override readonly name = 'PowerLoss';
}

/** Runs something up to where the power is lost. */
export function withoutPowerLoss(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof PowerLoss)) throw error;
  }
}
