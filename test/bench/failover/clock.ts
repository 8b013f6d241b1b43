/** Milliseconds of a clock that all processes of this machine share and nobody sets: what different programs saw can be compared. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A moment of the wall clock, as logs tell it, by the clock above. */
export function fromWallClock(wallMs: number): number {
  return wallMs - Date.now() + monotonicMs();
}
